"""Error views: RFC 9457 problems for unknown paths, refused requests and crashes.

The admin and static files keep Django's HTML pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import csrf, defaults

from conversations.api.openai import errors as openai
from conversations.api.responses import error_response, problem_response
from conversations.domain.problems import problem, problem_of
from routing.common.translatable import Translatable
from routing.domain.errors import AssistantError

_PAGES = ("/admin/", "/static/")
ErrorView = Callable[..., HttpResponse]


def _error_view(status: int, code: str, detail: str, page: ErrorView) -> ErrorView:
    """A view with this problem, or with Django's ``page`` under ``_PAGES``."""

    def view(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if request.path.startswith(_PAGES):
            return page(request, *args, **options)
        request_id = request.META.get("assistant.request_id", "")
        respond = openai.problem_response if is_openai(request) else problem_response
        return respond(problem(status, code, detail, instance=request.path, request_id=request_id))

    return view


def is_openai(request: HttpRequest) -> bool:
    """Whether the path belongs to OpenAI's API, whose errors have a shape of their own."""
    return f"{request.path}/".startswith("/v1/")


def error_page(request: HttpRequest, error: AssistantError) -> HttpResponse:
    """The problem of ``error``, or a line of text under ``_PAGES``."""
    if is_openai(request):
        return openai.error_response(request, error)
    if not request.path.startswith(_PAGES):
        return error_response(request, error)
    told = problem_of(error)
    return HttpResponse(told["detail"], status=told["status"], content_type="text/plain")


_FORBIDDEN = (403, "forbidden", Translatable("This is not allowed."))
bad_request = _error_view(
    400, "invalid", Translatable("The request could not be understood."), defaults.bad_request
)
permission_denied = _error_view(*_FORBIDDEN, defaults.permission_denied)
csrf_failure = _error_view(*_FORBIDDEN, csrf.csrf_failure)
not_found = _error_view(
    404, "not_found", Translatable("There is nothing here."), defaults.page_not_found
)
server_error = _error_view(
    500, "internal_error", Translatable("Something went wrong on our side."), defaults.server_error
)
