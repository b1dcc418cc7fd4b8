"""The OpenAPI document's part for the async views, which Django REST framework does not know of, and
for the problems of them all.

``add_async_paths`` is a postprocessing hook of drf-spectacular.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from conversations.api.openapi_parts import (
    COMPONENTS,
    STREAM,
    STREAM_HEADERS,
    Schema,
    any_problem,
    problems,
    ref,
)

_ASK_PROBLEMS = (400, 401, 404, 406, 409, 413, 415, 422, 429, 502, 503, 504)
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
    """Add the async paths, what they are made of, and to every operation the problems it may end in."""
    result["components"]["schemas"] |= {**COMPONENTS, "Ask": _ask_body()}
    for path, operations in _paths().items():
        result["paths"].setdefault(path, {}).update(operations)
    for path, operations in result["paths"].items():
        for operation in operations.values():
            told = problems(*_usual(path, operation)) | {"default": any_problem()}
            operation["responses"] = told | operation["responses"]
    return result


def _usual(path: str, operation: Schema) -> list[int]:
    """The statuses that follow from where an operation is and what it reads."""
    reads = "requestBody" in operation
    queried = any(given["in"] != "path" for given in operation.get("parameters", ()))
    asks_who = {"bearer": []} in operation.get("security", ())
    return [
        *([400] if reads or queried else []),
        *([401] if asks_who or "/auth/" in path else []),
        *([404] if "{" in path else []),
        *([413, 415] if reads else []),
        *([403] if path.endswith("/decisions/") else []),
        *([429] if path.endswith(("/auth/token/", "/decisions/")) else []),
    ]


def _ask_body() -> Schema:
    return {
        "type": "object",
        "required": ["content"],
        "properties": {
            "content": {
                "type": "string",
                "minLength": 1,
                "maxLength": settings.PROMPT_MAX_CHARS,
            },
            "model": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 96,
                "description": "A published model's name: skips routing and classification.",
            },
        },
    }


def _paths() -> Schema:
    return _operator_paths() | _ask_paths() | _message_paths()


def _operator_paths() -> Schema:
    alive = {"type": "object", "properties": {"status": {"const": "ok"}}}
    ready = _json("Each part with its state.", ref("Readiness"))
    text = {"description": "Counters.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "/healthz": {
            "get": _open("healthz", "The process answers.", {"200": _json("Yes.", alive)})
        },
        "/readyz": {"get": _open("readyz", "Can it answer?", {"200": ready, "503": ready})},
        "/metrics": {"get": _open("metrics", "Prometheus' text format.", {"200": text})},
    }


def _ask_paths() -> Schema:
    shapes = {"text/event-stream": STREAM, "application/json": {"schema": ref("Message")}}
    answer = {"description": "The answer.", "headers": STREAM_HEADERS, "content": shapes}
    ask = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Ask")}}},
        "responses": {"200": answer, **problems(*_ASK_PROBLEMS)},
    }
    here = [_uuid("conversation"), _KEY]
    return {
        "/api/v1/messages/": {
            "post": _operation("ask", "Ask in a new conversation.", [_KEY]) | ask
        },
        "/api/v1/conversations/{conversation}/messages/": {
            "post": _operation("ask_in_conversation", "Ask.", here) | ask,
        },
    }


def _message_paths() -> Schema:
    message = _uuid("message")
    whole = {"responses": {"200": _json("The message.", ref("Message"))}}
    stream = {
        "description": "The events.",
        "headers": STREAM_HEADERS,
        "content": {"text/event-stream": STREAM},
    }
    picture = {
        "description": "The picture.",
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    }
    return {
        "/api/v1/messages/{message}/": {
            "get": _operation("read_message", "The message object.", [message]) | whole,
        },
        "/api/v1/messages/{message}/stream/": {
            "get": _operation("resume", "Continue or replay a stream.", [message, *_POSITION])
            | {"responses": {"200": stream, **problems(406)}},
        },
        "/api/v1/messages/{message}/stop/": {
            "post": _operation("stop", "Stop the answer; its text is kept.", [message]) | whole,
        },
        "/api/v1/images/{image}/": {
            "get": _operation("image", "A picture, for its owner.", [_uuid("image")])
            | {"responses": {"200": picture}},
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


def _open(name: str, summary: str, responses: Schema) -> Schema:
    """An operator's path, which asks nobody who they are."""
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["operators"],
        "security": [{}],
        "responses": responses,
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
