"""Django REST framework's errors, and our own raised inside its views, as RFC 9457 problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from conversations.api.responses import error_response, problem_response
from conversations.domain.errors import NotFound
from conversations.domain.problems import problem
from routing.common.translations import translated
from routing.domain.errors import AssistantError

# Codes of the contract that differ from the framework's.
_CODES = {
    "parse_error": "malformed_json",
    "authentication_failed": "token_not_valid",
    "throttled": "rate_limited",
}


def drf_exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's ``EXCEPTION_HANDLER``: a problem answer, or ``None`` to let a bug reach Django."""
    request: HttpRequest = context["request"]._request  # noqa: SLF001 - no public way
    if isinstance(exc, AssistantError):
        return error_response(request, exc)
    if isinstance(exc, Http404 | PermissionDenied):
        return error_response(request, NotFound("There is nothing here."))
    if not isinstance(exc, exceptions.APIException):
        return None
    return _response(request, exc)


def _response(request: HttpRequest, exc: exceptions.APIException) -> HttpResponse:
    faults = list(_faults(exc.detail)) if isinstance(exc, exceptions.ValidationError) else []
    response = problem_response(
        problem(
            exc.status_code,
            _CODES.get(exc.default_code, exc.default_code),
            _summary(exc, faults),
            instance=request.path,
            request_id=request.META.get("assistant.request_id", ""),
            **({"errors": faults} if faults else {}),
        )
    )
    if exc.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _summary(exc: exceptions.APIException, faults: list[dict[str, str]]) -> str:
    if faults:
        return "; ".join(f"{fault['field']}: {fault['detail']}" for fault in faults)
    if isinstance(exc.detail, dict):
        return str(exc.detail.get("detail") or exc.default_detail)
    return str(exc.detail)


def _faults(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Flatten DRF's nested details: ``a.b`` names a field inside another."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            name = "body" if key == "non_field_errors" else str(key)
            yield from _faults(inner, f"{field}.{name}" if field else name)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _faults(inner, field)
    else:
        yield {"field": field or "body", "code": detail.code, "detail": translated(str(detail))}
