"""Structured logs, and the request's id on every line and every answer."""

from __future__ import annotations

import logging
import logging.config
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import async_only_middleware

_log = structlog.get_logger("assistant.request")
_SAFE_ID = re.compile(r"^[\w.:/+=-]{1,128}$", re.ASCII)
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")


def configure(options: dict[str, Any]) -> None:
    """Django's ``LOGGING_CONFIG``: one handler to stderr, JSON or console lines, for
    structlog's and the standard library's records alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if options["format"] == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        renderer,
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                # Libraries whose INFO lines repeat ours, or print a provider's URL and headers.
                **{
                    name: {"level": "WARNING"}
                    for name in ("httpx", "httpcore", "uvicorn.access", "axes", "django.server")
                },
                **{name: {"level": "ERROR"} for name in ("LiteLLM", "langfuse", "opentelemetry")},
            },
        }
    )


def trace_id_of(request: HttpRequest) -> str:
    """The W3C Trace Context trace id that the caller sent, or a new one: 32 hex digits."""
    match = _TRACEPARENT.match(request.headers.get("traceparent", ""))
    if match and set(match[1]) != {"0"}:
        return match[1]
    return secrets.token_hex(16)


@async_only_middleware
def RequestMiddleware(  # noqa: N802 - Django names middleware like classes
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Give each request an id and a trace id, log its end, and tell both to the client."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if _SAFE_ID.match(sent) else secrets.token_hex(16)
        trace_id = trace_id_of(request)
        request.META["assistant.request_id"] = request_id
        request.META["assistant.trace_id"] = trace_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        response = await get_response(request)
        response.headers["X-Request-ID"] = request_id
        response.headers.setdefault("traceparent", f"00-{trace_id}-{secrets.token_hex(8)}-01")
        _log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            duration_ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return response

    return middleware
