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
    # A stream goes on from an event that it has: another position is a 400.
    for values, name in ((headers, "Last-Event-ID"), (case.query or {}, "after")):
        if name in values:
            values[name] = str(int(values[name]) % (FIRST_EVENTS + 1))
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


def mend_ui_chat(body: dict[str, Any]) -> None:
    """The user speaks last."""
    said = {"role": "user", "parts": [{"type": "text", "text": "Tell me about rivers."}]}
    body["messages"] = [*(body.get("messages") or ()), said]


def mend_completion(body: dict[str, Any]) -> None:
    """The user speaks last, calls of tools have results, the rules choose a model with the abilities that
    are needed, and what belongs together is together."""
    spoken = [each for each in body["messages"] if each["role"] not in {"assistant", "tool"}]
    body["messages"] = [*spoken, {"role": "user", "content": "Tell me about rivers."}]
    body["model"] = "assistant"
    if body.get("stream_options"):
        body["stream"] = True
    if body.get("max_tokens"):
        body.pop("max_completion_tokens", None)
    if body.get("top_logprobs") is not None:
        body["logprobs"] = True
    for at, tool in enumerate(body.get("tools") or ()):
        tool["function"]["name"] = f"tool_{at}"
    body["tool_choice"] = "auto"


MENDERS = {"/v1/chat/completions": mend_completion, "/api/chat": mend_ui_chat}
