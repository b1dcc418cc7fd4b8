"""Error bodies and headers as the two providers send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from assistant_site.simulator.chat import Provider
from assistant_site.simulator.faults import SimulatedFault

_HTML_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway"
    "</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class _Template:
    """A provider's own error, with ``{model}``, ``{wait}`` and ``{tokens}`` in its message."""

    type: str
    message: str
    code: str | None = None
    param: str | None = None


# errors.json: provider, then status or name of the error, then its template.
_TABLES = orjson.loads(Path(__file__).with_name("errors.json").read_bytes())
_BY_STATUS = {
    provider: {int(status): _Template(**item) for status, item in errors.items()}
    for provider, errors in _TABLES["by_status"].items()
}
_BY_NAME = {
    provider: {name: _Template(**item) for name, item in errors.items()}
    for provider, errors in _TABLES["by_name"].items()
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
    template = _template(provider, rejection)
    text = rejection.message
    message = template.message.format(**values) if text is None else text
    if provider == "openai":
        error = {
            "message": message,
            "type": rejection.type or template.type,
            "param": rejection.param or template.param,
            "code": _openai_code(rejection, template),
        }
        return {"error": error}
    unnamed = not rejection.error or rejection.error in _BY_NAME[provider]
    kind = rejection.type or (template.type if unnamed else rejection.error)
    return {"type": "error", "error": {"type": kind, "message": message}}


def _template(provider: Provider, rejection: Rejection) -> _Template:
    by_status = _BY_STATUS[provider]
    fallback = by_status[500 if rejection.status >= 500 else 400]
    named = _BY_NAME[provider].get(rejection.error or "")
    return named or by_status.get(rejection.status, fallback)


def _openai_code(rejection: Rejection, template: _Template) -> str | None:
    if rejection.error is None:
        return template.code if rejection.message is None else None
    own = rejection.error in {*_BY_NAME["openai"], template.type}
    return template.code if own else rejection.error


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
    openai, anthropic = _BY_STATUS["openai"], _BY_STATUS["anthropic"]
    # Later entries win: Anthropic's types over OpenAI's codes, and the lowest status of a type.
    by_name = {item.type: status for status, item in reversed(openai.items())}
    by_name |= {item.code: status for status, item in openai.items() if item.code}
    by_name |= {item.type: status for status, item in reversed(anthropic.items())}
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
