"""Error bodies and headers as the two providers send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assistant_site.simulator.chat import Provider
from assistant_site.simulator.faults import SimulatedFault

_HTML_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway"
    "</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class _OpenAIError:
    type: str
    code: str | None
    message: str
    param: str | None = None


_OPENAI: dict[int, _OpenAIError] = {
    400: _OpenAIError("invalid_request_error", None, "Invalid request."),
    401: _OpenAIError(
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: sk-simu***ated. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    403: _OpenAIError(
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    404: _OpenAIError(
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    408: _OpenAIError("server_error", None, "Request timeout."),
    409: _OpenAIError(
        "invalid_request_error", None, "The resource was changed by another request."
    ),
    413: _OpenAIError("invalid_request_error", None, "Request body is too large."),
    422: _OpenAIError("invalid_request_error", None, "Unprocessable request."),
    429: _OpenAIError(
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} in organization org-simulated on requests per min (RPM): "
        "Limit 500, Used 500, Requested 1. Please try again in {wait}. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
    ),
    500: _OpenAIError(
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    503: _OpenAIError(
        "service_unavailable", None, "The engine is currently overloaded, please try again later."
    ),
    504: _OpenAIError("server_error", None, "The server took too long to answer."),
}
_OPENAI_NAMED: dict[str, _OpenAIError] = {
    "context_length": _OpenAIError(
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "{tokens} tokens. Please reduce the length of the messages.",
        "messages",
    ),
    "insufficient_quota": _OpenAIError(
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    "content_filter": _OpenAIError(
        "invalid_request_error",
        "content_policy_violation",
        "Your request was rejected as a result of our safety system.",
    ),
}
_ANTHROPIC: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "Invalid request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: (
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    404: ("not_found_error", "model: {model}"),
    408: ("timeout_error", "Request timed out"),
    409: ("conflict_error", "The resource was changed by another request"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    422: ("invalid_request_error", "Unprocessable request"),
    429: (
        "rate_limit_error",
        "This request would exceed your organization's rate limit. Please try again later.",
    ),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service temporarily unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_ANTHROPIC_NAMED: dict[str, tuple[str, str]] = {
    "context_length": (
        "invalid_request_error",
        "prompt is too long: {tokens} tokens > 200000 maximum",
    ),
    "insufficient_quota": _ANTHROPIC[402],
    "content_filter": (
        "invalid_request_error",
        "Output blocked by content filtering policy",
    ),
}
_NAMED_STATUS = {"context_length": 400, "content_filter": 400, "insufficient_quota": 429}
_CONTEXT_TOKENS = {"openai": 131_072, "anthropic": 208_310}


class Rejection(Exception):
    """The request gets this error answer. ``error`` is the provider's type (Anthropic) or code."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        error: str | None = None,
        type: str | None = None,  # noqa: A002 - the wire's own name
        param: str | None = None,
    ) -> None:
        super().__init__(message or str(status))
        self.status = status
        self.message = message
        self.error = error
        self.type = type
        self.param = param


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error answer in full: a JSON ``body``, or text of ``content_type``."""

    status: int
    body: dict[str, Any] | str
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def answer_for(
    provider: Provider,
    rejection: Rejection,
    *,
    request_id: str,
    model: str = "",
    retry_after: float | None = None,
) -> ErrorAnswer:
    """The answer ``provider`` would send for ``rejection``."""
    status = _status(provider, rejection)
    headers = _retry_headers(provider, status, retry_after)
    if status == 502 and rejection.message is None:
        return ErrorAnswer(status, _HTML_502, headers, "text/html")
    error = error_body(provider, rejection, model=model, retry_after=retry_after)
    if provider == "anthropic":
        error["request_id"] = request_id
    return ErrorAnswer(status, error, headers)


def error_body(
    provider: Provider, rejection: Rejection, *, model: str = "", retry_after: float | None = None
) -> dict[str, Any]:
    """The error object, as the body of an answer or as an event within a stream."""
    wait = "1s" if retry_after is None else f"{retry_after:g}s"
    values = {"model": model or "the-model", "wait": wait, "tokens": _CONTEXT_TOKENS[provider]}
    if provider == "openai":
        return {"error": _openai_error(rejection, values)}
    return {"type": "error", "error": _anthropic_error(rejection, values)}


def _openai_error(rejection: Rejection, values: dict[str, Any]) -> dict[str, Any]:
    base = _openai_base(rejection)
    own = rejection.error is None or rejection.error in {*_OPENAI_NAMED, base.type}
    code = base.code if own else rejection.error
    if rejection.error is None and rejection.message is not None:
        code = None
    return {
        "message": base.message.format(**values)
        if rejection.message is None
        else rejection.message,
        "type": rejection.type or base.type,
        "param": rejection.param or base.param,
        "code": code,
    }


def _openai_base(rejection: Rejection) -> _OpenAIError:
    if rejection.error in _OPENAI_NAMED:
        return _OPENAI_NAMED[rejection.error]
    return _OPENAI.get(rejection.status, _OPENAI[500 if rejection.status >= 500 else 400])


def _anthropic_error(rejection: Rejection, values: dict[str, Any]) -> dict[str, Any]:
    fallback = _ANTHROPIC[500 if rejection.status >= 500 else 400]
    kind, message = _ANTHROPIC.get(rejection.status, fallback)
    if rejection.error:
        kind, message = _ANTHROPIC_NAMED.get(rejection.error, (rejection.error, message))
    return {
        "type": rejection.type or kind,
        "message": message.format(**values) if rejection.message is None else rejection.message,
    }


def _status(provider: Provider, rejection: Rejection) -> int:
    if rejection.error == "insufficient_quota" and provider == "anthropic":
        return 402
    return rejection.status


def scripted(provider: Provider, fault: SimulatedFault) -> Rejection:
    """The error a fault asks for; by default that of a busy server of that provider."""
    busy = 529 if provider == "anthropic" else 500
    status = fault.status or (_status_of(fault.error) if fault.error else busy)
    return Rejection(status, fault.message, error=fault.error)


def _status_of(error: str) -> int:
    by_name = {item.type: status for status, item in reversed(_OPENAI.items())}
    by_name |= {item.code: status for status, item in _OPENAI.items() if item.code}
    by_name |= {kind: status for status, (kind, _) in reversed(_ANTHROPIC.items())}
    return _NAMED_STATUS.get(error) or by_name.get(error, 500)


def _retry_headers(provider: Provider, status: int, retry_after: float | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    if provider == "anthropic" and (status in {408, 409, 429} or status >= 500):
        headers["x-should-retry"] = "true"
    if retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
        if provider == "openai":
            headers["retry-after-ms"] = f"{retry_after * 1000:.0f}"
    return headers
