"""Errors in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}``, from our problems.

The SDKs of OpenAI retry 408, 409, 429 and 5xx unless ``x-should-retry`` is ``false``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from conversations.domain.errors import BadRequest
from conversations.domain.problems import problem_headers, problem_of
from routing.domain.errors import AssistantError, FieldFault

LONG_WAIT = 60
"""Seconds that no SDK waits for: it would try again at once."""
INVALID, SERVER = "invalid_request_error", "server_error"

_TYPES: Mapping[int, str] = {403: "permission_error", 429: "requests"}
"""The type by status; other client errors are ``INVALID``, server errors ``SERVER``."""

_TYPES_BY_CODE: Mapping[str, str] = {
    "budget_exhausted": "insufficient_quota",
    "moderation_blocked": "image_generation_user_error",
}

_CODES: Mapping[str, str] = {
    "not_authenticated": "invalid_api_key",
    "token_not_valid": "invalid_api_key",
    "body_too_large": "request_too_large",
    "malformed_json": "invalid_json",
    "invalid": "invalid_value",
    "prompt_too_long": "context_length_exceeded",
    "context_too_long": "context_length_exceeded",
    "rate_limited": "rate_limit_exceeded",
}
"""OpenAI's word for our code, where it has another one."""

_FAULT_CODES = frozenset(
    {
        "context_length_exceeded",
        "idempotency_key_reused",
        "invalid_value",
        "missing_required_parameter",
        "model_not_found",
        "not_found",
        "unknown_parameter",
        "unsupported_parameter",
        "unsupported_value",
    }
)
"""Codes of single fields that are OpenAI's, and tell more than ours of the whole."""

_FINAL = frozenset({"provider_error", "no_provider_available", "budget_exhausted"})
"""Codes of what another try finds again, where no time to wait is named: every model found fault with the
request, or an operator has to mend the key, the quota or the model's name."""

_STATUSES: Mapping[str, int] = {
    "context_length_exceeded": 400,
    "model_not_found": 404,
    "not_found": 404,
}
"""The status by OpenAI's code, where it is another one than ours."""


class ParameterFault(BadRequest):
    """A parameter that can not be honoured. ``param`` is its path in the body, ``messages[0].role``, and
    ``code`` one of ``_FAULT_CODES``."""

    def __init__(self, param: str, detail: str, code: str = "invalid_value") -> None:
        super().__init__(detail, FieldFault(param, code, detail))


class ModerationBlocked(BadRequest):
    """The guard, or a provider's content policy, refuses to draw the prompt."""

    code = "moderation_blocked"


def error_object(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The error of a problem, with all four fields."""
    status, code, param = _classified(problem)
    kind = "tokens" if status == 429 and problem.get("unit") == "tokens" else None
    kind = (
        kind or _TYPES_BY_CODE.get(code) or _TYPES.get(status, SERVER if status >= 500 else INVALID)
    )
    return {"error": {"message": problem["detail"], "type": kind, "param": param, "code": code}}


def error_response(request: HttpRequest, error: AssistantError) -> HttpResponse:
    """The answer to a request that ended in ``error``."""
    request_id = request.META.get("assistant.request_id", "")
    problem = problem_of(error, instance=request.path, request_id=request_id)
    response = problem_response(problem)
    for field, value in problem_headers(error).items():
        response[field] = value
    return response


def problem_response(problem: Mapping[str, Any], *, prompt: str | None = None) -> HttpResponse:
    """A problem as OpenAI's error, with the headers by which SDKs decide about a retry. ``prompt`` is the
    parameter that is at fault where all models found it too long."""
    status, code, _ = _classified(problem)
    told = error_object(problem)
    if code == "context_length_exceeded":
        told["error"]["param"] = told["error"]["param"] or prompt
    response = HttpResponse(orjson.dumps(told), status=status, content_type="application/json")
    if wait := problem.get("retry_after"):
        response["Retry-After"] = str(wait)
        if status == 429:
            response["retry-after-ms"] = str(1000 * wait)
            if wait >= LONG_WAIT:
                response["x-should-retry"] = "false"
    elif code in _FINAL:
        response["x-should-retry"] = "false"
    return response


def _classified(problem: Mapping[str, Any]) -> tuple[int, str, str | None]:
    faults: Sequence[Mapping[str, str]] = problem.get("errors") or ({},)
    param = faults[0].get("field")
    code = _CODES.get(problem["code"], problem["code"])
    if problem["code"] == "invalid" and faults[0].get("code") in _FAULT_CODES:
        code = faults[0]["code"]
    elif problem["code"] == "invalid" and param == "model":
        code = "model_not_found"
    elif problem.get("error_kind") == "too_long":
        code = "context_length_exceeded"
    return _STATUSES.get(code, problem["status"]), code, param
