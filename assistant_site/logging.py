"""Structured logging: one format for structlog's records and the standard library's."""

from __future__ import annotations

import logging
import logging.config
from typing import Any

import structlog


def without_traceback(record: logging.LogRecord) -> bool:
    """Filter: a request that was refused as suspicious is one line, for any stranger can send it."""
    record.exc_info = record.exc_text = None
    record.msg, record.args = record.getMessage()[:200].splitlines()[0], None
    return True


def configure(options: dict[str, Any]) -> None:
    """``LOGGING_CONFIG``: one handler to stderr. ``options``: ``level``, and ``format`` json or console."""
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
            "filters": {"one_line": {"()": lambda: without_traceback}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "structured"},
                "refusals": {
                    "class": "logging.StreamHandler",
                    "formatter": "structured",
                    "filters": ["one_line"],
                },
            },
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                "django.security": {"handlers": ["refusals"], "propagate": False},
                # Libraries whose INFO lines repeat ours, or print a provider's URL and headers.
                **{
                    name: {"level": "WARNING"}
                    for name in (
                        *("httpx", "httpcore", "uvicorn.access", "axes", "django.server"),
                        "redisvl",
                    )
                },
                **{name: {"level": "ERROR"} for name in ("LiteLLM", "langfuse", "opentelemetry")},
            },
        }
    )
