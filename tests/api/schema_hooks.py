"""Values that no schema can describe, because they follow from the time and from what is stored.

A hook of schemathesis, read by its process. It makes valid requests valid there as well; every answer
is judged, none is excused.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import httpx
import schemathesis

FIRST_EVENTS = 3
"""Every stream has three: it starts, decides and ends."""


REVOKED: set[str] = set()


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Mend what is valid by the document alone."""
    if not (case.meta and case.meta.generation.mode.is_positive):
        return
    headers: Any = case.headers or {}
    # A key belongs to one request: another one with it is a 422.
    if headers.get("Idempotency-Key"):
        sent = [case.formatted_path, case.media_type, json.dumps(case.body, default=repr)]
        headers["Idempotency-Key"] = hashlib.sha256(repr(sent).encode()).hexdigest()
    if case.operation.path.endswith("/stream/"):
        mend_position(headers)
        mend_position(case.query or {})
    if case.operation.path == "/api/v1/usage/":
        mend_days(case.query or {})
    # A key expires in the future: another time is a 400.
    if isinstance(case.body, dict) and case.body.get("expires_at"):
        case.body["expires_at"] = "2999" + str(case.body["expires_at"])[4:]
    prepare(case)
    mend = MENDERS.get(case.operation.path)
    if mend and isinstance(case.body, dict):
        mend(case.body)


def prepare(case: schemathesis.Case[Any]) -> None:
    """A verdict is taken back that was given, a link is read or revoked that was made: else it is a 404. A
    link that was revoked stays so."""
    label, address = case.operation.label, case.operation.schema.get_base_url().rstrip("/")
    url, signed = (
        address + case.formatted_path,
        {"Authorization": os.environ["SCHEMA_AUTHORIZATION"]},
    )
    if label == "DELETE /api/v1/messages/{message}/feedback/":
        httpx.put(url, json={"verdict": "good"}, headers=signed)
    elif case.operation.path == "/api/v1/conversations/{conversation}/share/":
        if url not in REVOKED:
            httpx.post(url, headers=signed)
        if label.startswith("DELETE"):
            REVOKED.add(url)


def mend_position(values: Any) -> None:
    """A stream goes on from an event that it has: another position is a 400."""
    for name in ("Last-Event-ID", "after"):
        if str(values.get(name) or "").isdigit():
            values[name] = str(int(values[name]) % (FIRST_EVENTS + 1))


def mend_days(values: Any) -> None:
    """A report is of the days up to its last one, and not of many years."""
    for name in ("from", "to"):
        if values.get(name):
            values[name] = {"from": "2026-01-01", "to": "2026-06-01"}[name]
    if values.get("from"):
        values["to"] = "2026-06-01"


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def mend_prompt(body: dict[str, Any]) -> None:
    """What is attached is a picture, for a model that the rules choose; else there are words."""
    if not body.get("attachments"):
        body.setdefault("content", "Tell me about rivers.")
    for attached in body.get("attachments") or ():
        attached["url"] = PIXEL
        body.pop("model", None)


def mend_first_prompt(body: dict[str, Any]) -> None:
    """A new conversation has no answer to follow."""
    mend_prompt(body)
    body.pop("parent", None)


def mend_regenerated(body: dict[str, Any]) -> None:
    """The rules choose a model that sees the prompt's pictures."""
    body.pop("model", None)


def mend_ui_chat(body: dict[str, Any]) -> None:
    """The user speaks last."""
    said = {"role": "user", "parts": [{"type": "text", "text": "Tell me about rivers."}]}
    body["messages"] = [*(body.get("messages") or ()), said]


def mend_common(body: dict[str, Any]) -> None:
    """The rules choose a model with the abilities that are needed, and tools have names of their own."""
    body["model"] = "assistant"
    for at, tool in enumerate(body.get("tools") or ()):
        tool.get(tool.get("type"), tool)["name"] = f"tool_{at}"
    body["tool_choice"] = "auto"
    for name in ("reasoning_effort", "reasoning", "verbosity", "logit_bias"):
        body.pop(name, None)
    if body.get("stream_options") is not None:
        body["stream"] = True


UNCOMMON = ("logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "stop", "seed")
"""No first model has all of these at once, and a request for what a model has not is a 400."""


def mend_completion(body: dict[str, Any]) -> None:
    """The user speaks last, in words, calls of tools have results, and what belongs together is together."""
    mend_common(body)
    plain = [each for each in body["messages"] if each["role"] in {"system", "developer"}]
    body["messages"] = [*plain, {"role": "user", "content": "Tell me about rivers."}]
    if body.get("max_tokens"):
        body.pop("max_completion_tokens", None)
    for name in UNCOMMON:
        body.pop(name, None)


def mend_response(body: dict[str, Any]) -> None:
    """The user says something, and nothing refers to what is not stored."""
    mend_common(body)
    body["input"] = "Tell me about rivers."
    for name in ("previous_response_id", "background", "store"):
        body.pop(name, None)


def mend_picture(body: dict[str, Any]) -> None:
    """A picture of something, in a size that the model has."""
    body["prompt"] = "A lake"
    for name in ("model", "size", "quality"):
        body.pop(name, None)


def mend_embedding(body: dict[str, Any]) -> None:
    """A text, for the local model reads no ids of tokens, and vectors of the length that it has."""
    body["input"] = "A lighthouse at dawn"
    body.pop("dimensions", None)


def mend_key(body: dict[str, Any]) -> None:
    """The amount and the window of a limit fit its unit."""
    if body.get("limits"):
        body["limits"] = [{"unit": "requests", "window": "day", "amount": "5"}]


MENDERS = {
    "/v1/embeddings": mend_embedding,
    "/api/v1/keys/": mend_key,
    "/api/v1/keys/{api_key}/": mend_key,
    "/v1/chat/completions": mend_completion,
    "/v1/responses": mend_response,
    "/v1/images/generations": mend_picture,
    "/api/chat": mend_ui_chat,
    "/api/v1/messages/": mend_first_prompt,
    "/api/v1/messages/{message}/regenerate/": mend_regenerated,
    "/api/v1/conversations/{conversation}/messages/": mend_prompt,
}
