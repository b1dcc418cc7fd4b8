"""OpenAPI components that several operations share: problems, headers, the stream's events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from conversations.api.sse import NAMES
from conversations.engine.events import Event

Schema = dict[str, Any]

CODES: Mapping[int, Sequence[str]] = {
    400: ("malformed_json", "invalid"),
    401: ("not_authenticated", "token_not_valid"),
    403: ("permission_denied",),
    404: ("not_found",),
    406: ("not_acceptable",),
    409: ("conversation_busy",),
    413: ("prompt_too_long", "body_too_large"),
    415: ("unsupported_media_type",),
    422: ("idempotency_key_reused",),
    429: ("rate_limited",),
    502: ("provider_error",),
    503: ("no_provider_available", "rules_unavailable", "draining", "interrupted", "overloaded",
          "storage_unavailable", "database_unavailable"),
    504: ("provider_timeout",),
}  # fmt: skip
"""The problems' codes by status."""


def ref(name: str) -> Schema:
    """A component by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Schema, description: str = "", *, optional: Sequence[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    about = {"description": description} if description else {}
    return {"type": "object", **about, "required": required, "properties": properties}


_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "format": "uuid"}
_COUNT: Schema = {"type": "integer", "minimum": 0}

_FAULT = _object({"field": _TEXT, "code": _TEXT, "detail": _TEXT})
_MORE: Schema = {
    "retry_after": {"type": "integer", "description": "Seconds."},
    "message": {**_ID, "description": "With `conversation_busy`: the answer being written."},
    "errors": {"type": "array", "items": _FAULT},
}
_PROBLEM = _object(
    {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "code": _TEXT,
        "request_id": _TEXT,
        **_MORE,
    },
    "RFC 9457.",
    optional=tuple(_MORE),
)

_BODIES: Mapping[str, Schema] = {
    "decision": _object({"decision": ref("DecisionSchema"), "cache": ref("CacheSchema")}),
    "token": _object({"text": {"type": "string", "minLength": 1}}),
    "reset": _object({"reason": _TEXT, "from": _TEXT, "to": _TEXT}, "Discard the text so far."),
    "done": ref("Message"),
    "error": ref("Problem"),
}
"""Bodies that differ from the event's own fields."""


def _fields(event: type[Event]) -> Schema:
    schema = TypeAdapter(event).json_schema()
    return _object(
        {
            name: {key: value for key, value in field.items() if key != "title"}
            for name, field in schema["properties"].items()
        }
    )


EVENTS: Mapping[str, Schema] = {
    name: _BODIES.get(name) or _fields(event) for event, name in NAMES.items()
}
"""The ``data`` of each event, by its name on the wire."""

COMPONENTS: Mapping[str, Schema] = {
    "Problem": _PROBLEM,
    **{f"Event{name.capitalize()}": EVENTS[name] for name in NAMES.values()},
    "Readiness": _object(
        {
            "status": {"type": "string", "enum": ["ok", "degraded", "unavailable"]},
            "degraded": {"type": "array", "items": _TEXT},
            "checks": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": ["state"],
                    "properties": {
                        "state": {"type": "string", "enum": ["ok", "degraded", "down"]},
                        "detail": _TEXT,
                    },
                },
            },
        }
    ),
}

STREAM: Schema = {
    "schema": {
        "type": "string",
        "description": (
            f"Server-sent events: {', '.join(f'`{name}`' for name in NAMES.values())}; exactly one "
            "`done` or `error` ends the stream. `x-events` names the schema of each one's data."
        ),
    },
    "x-events": {name: ref(f"Event{name.capitalize()}") for name in NAMES.values()},
}
"""The media type object of a stream."""


def _header(schema: Schema, description: str) -> Schema:
    return {"schema": schema, "description": description}


_RETRY = {"Retry-After": _header(_COUNT, "Seconds to wait, where known.")}
_HEADERS: Mapping[int, Schema] = {
    401: {"WWW-Authenticate": _header({"const": "Bearer"}, "RFC 6750.")},
    429: {
        **_RETRY,
        "RateLimit": _header(_TEXT, "What is left, and for how many seconds."),
        "RateLimit-Policy": _header(_TEXT, "How many in how many seconds."),
    },
    503: _RETRY,
}
STREAM_HEADERS: Schema = {
    "Location": _header(_TEXT, "With a stream: where it is continued."),
    "Idempotency-Replayed": _header({"const": "true"}, "The first answer to this key again."),
    "X-Request-ID": _header(_TEXT, "Names this request in logs."),
    "traceparent": _header(_TEXT, "W3C Trace Context."),
}


def problems(*statuses: int) -> Schema:
    """The ``responses`` of these statuses."""
    return {str(status): _response(status) for status in statuses}


def any_problem() -> Schema:
    """The ``default`` response."""
    return {"description": "A problem (RFC 9457).", "content": _content(ref("Problem"))}


def _response(status: int) -> Schema:
    codes: Schema = {
        "properties": {"status": {"const": status}, "code": {"enum": [*CODES[status]]}}
    }
    about = {"description": HTTPStatus(status).phrase}
    headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
    return about | headers | {"content": _content({"allOf": [ref("Problem"), codes]})}


def _content(schema: Schema) -> Schema:
    return {"application/problem+json": {"schema": schema}}
