"""The OpenAPI document's part for the async views, which Django REST framework does not know of.

``add_async_paths`` is a postprocessing hook of drf-spectacular.
"""

from __future__ import annotations

from typing import Any

from conversations.api.sse import NAMES

Schema = dict[str, Any]

_PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "retry_after": {"type": "integer", "description": "Seconds."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_ASK: Schema = {
    "type": "object",
    "required": ["content"],
    "properties": {
        "content": {"type": "string", "minLength": 1, "maxLength": 32_000},
        "model": {
            "type": "string",
            "description": "A published model's name: skips routing and classification.",
        },
    },
}
_EVENTS = ", ".join(f"`{name}`" for name in NAMES.values())
_STREAM: Schema = {
    "type": "string",
    "description": f"Server-sent events: {_EVENTS}; exactly one `done` or `error` ends the stream.",
}
_MESSAGE: Schema = {"$ref": "#/components/schemas/Message"}
_STREAM_HEADERS: Schema = {
    "Location": {"schema": {"type": "string"}, "description": "Where this stream is continued."},
    "Idempotency-Replayed": {"schema": {"type": "string", "enum": ["true"]}},
}
_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key within 24 h replays the first answer.",
}
_POSITION: list[Schema] = [
    {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "Continue after this event; wins over `after`.",
    },
    {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0}},
]


def add_async_paths(result: Schema, **_: Any) -> Schema:
    """Add the async paths, the problem object, and a problem as every operation's other answer."""
    result["components"]["schemas"] |= {"Problem": _PROBLEM, "Ask": _ASK}
    for path, operations in _paths().items():
        result["paths"].setdefault(path, {}).update(operations)
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("default", _problem())
    return result


def _paths() -> Schema:
    conversation, message = _uuid("conversation"), _uuid("message")
    shapes = {"text/event-stream": {"schema": _STREAM}, "application/json": {"schema": _MESSAGE}}
    answer = {"description": "The answer.", "headers": _STREAM_HEADERS, "content": shapes}
    ask = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}},
        },
        "responses": {"200": answer},
    }
    stream = {"description": "The events.", "content": {"text/event-stream": {"schema": _STREAM}}}
    return {
        "/healthz": {"get": _open("healthz", "The process answers.")},
        "/readyz": {"get": _open("readyz", "Each part with its state; 503 when none can answer.")},
        "/metrics": {"get": _open("metrics", "Prometheus' text format.")},
        "/api/v1/messages/": {
            "post": _operation("ask", "Ask in a new conversation.", [_KEY]) | ask,
        },
        "/api/v1/conversations/{conversation}/messages/": {
            "post": _operation("ask_in_conversation", "Ask.", [conversation, _KEY]) | ask,
        },
        "/api/v1/messages/{message}/": {
            "get": _operation("read_message", "The message object.", [message])
            | {"responses": {"200": _json("The message.", _MESSAGE)}},
        },
        "/api/v1/messages/{message}/stream/": {
            "get": _operation("resume", "Continue or replay a stream.", [message, *_POSITION])
            | {"responses": {"200": stream}},
        },
        "/api/v1/messages/{message}/stop/": {
            "post": _operation("stop", "Stop the answer; its text is kept.", [message])
            | {"responses": {"200": _json("The message.", _MESSAGE)}},
        },
        "/api/v1/images/{image}/": {
            "get": _operation("image", "A picture, for its owner.", [_uuid("image")])
            | {
                "responses": {
                    "200": {
                        "description": "The picture.",
                        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
                    }
                }
            },
        },
    }


def _operation(name: str, summary: str, parameters: list[Schema]) -> Schema:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["v1"],
        "security": [{"bearer": []}],
        "parameters": parameters,
    }


def _open(name: str, summary: str) -> Schema:
    """An operator's path, which asks nobody who they are."""
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["operators"],
        "security": [{}],
        "responses": {"200": {"description": summary}},
    }


def _uuid(name: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem() -> Schema:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": "A problem (RFC 9457).",
        "content": {"application/problem+json": {"schema": schema}},
    }
