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
    # A key expires in the future: another time is a 400.
    if isinstance(case.body, dict) and case.body.get("expires_at"):
        case.body["expires_at"] = "2999" + str(case.body["expires_at"])[4:]
    # A verdict is taken back that was given: without one, the path is a 404.
    if case.operation.label == "DELETE /api/v1/messages/{message}/feedback/":
        url = case.operation.schema.get_base_url().rstrip("/") + case.formatted_path
        signed = {"Authorization": os.environ["SCHEMA_AUTHORIZATION"]}
        httpx.put(url, json={"verdict": "good"}, headers=signed)
    mend = MENDERS.get(case.operation.path)
    if mend and isinstance(case.body, dict):
        mend(case.body)


def mend_position(values: Any) -> None:
    """A stream goes on from an event that it has: another position is a 400."""
    for name in ("Last-Event-ID", "after"):
        if str(values.get(name) or "").isdigit():
            values[name] = str(int(values[name]) % (FIRST_EVENTS + 1))


def mend_ui_chat(body: dict[str, Any]) -> None:
    """The user speaks last."""
    said = {"role": "user", "parts": [{"type": "text", "text": "Tell me about rivers."}]}
    body["messages"] = [*(body.get("messages") or ()), said]


def mend_common(body: dict[str, Any]) -> None:
    """The rules choose a model with the abilities that are needed, and tools have names of their own."""
    body["model"] = "assistant"
    for at, tool in enumerate(body.get("tools") or ()):
        tool.get("function", tool)["name"] = f"tool_{at}"
    body["tool_choice"] = "auto"
    for name in ("reasoning_effort", "reasoning", "verbosity", "logit_bias"):
        body.pop(name, None)
    if body.get("stream_options"):
        body["stream"] = True


def mend_completion(body: dict[str, Any]) -> None:
    """The user speaks last, in words, calls of tools have results, and what belongs together is together."""
    mend_common(body)
    plain = [each for each in body["messages"] if each["role"] in {"system", "developer"}]
    body["messages"] = [*plain, {"role": "user", "content": "Tell me about rivers."}]
    if body.get("max_tokens"):
        body.pop("max_completion_tokens", None)
    if body.get("top_logprobs") is not None:
        body["logprobs"] = True


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


MENDERS = {
    "/v1/chat/completions": mend_completion,
    "/v1/responses": mend_response,
    "/v1/images/generations": mend_picture,
    "/api/chat": mend_ui_chat,
}
