"""SSE encoder: events as server-sent events (WHATWG HTML, section 9.2), under their names on the wire.

Pure. Narrower than the standard: every frame has an ``id``, an ``event`` and exactly one line of
``data``, because JSON holds no raw line end.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, assert_never

import orjson

from conversations.engine.events import (
    Decided,
    Event,
    Failed,
    Finished,
    Logprobs,
    Noticed,
    Reset,
    Started,
    Thought,
    Token,
    ToolCall,
)
from conversations.storage.representations import cache_object, decision_object

NAMES: dict[type[Event], str] = {
    Started: "start",
    Decided: "decision",
    Token: "token",
    Thought: "thought",
    Logprobs: "logprobs",
    ToolCall: "tool_call",
    Reset: "reset",
    Noticed: "notice",
    Finished: "done",
    Failed: "error",
}

KEEP_ALIVE = b": keep-alive\n\n"


def encode(number: int, event: Event) -> bytes:
    """One frame. ``number`` is the event's place in its stream, from 1."""
    head = f"id: {number}\nevent: {NAMES[type(event)]}\ndata: ".encode()
    return head + orjson.dumps(payload(event)) + b"\n\n"


def payload(event: Event) -> Any:
    """The ``data`` of an event, ready for JSON."""
    match event:
        # Tokens first: they are nearly all events.
        case Token(text):
            return {"text": text}
        case Decided(decision, cache, guard):
            return {"decision": decision_object(decision, guard), "cache": cache_object(cache)}
        case Reset(reason, from_model, to_model):
            return {"reason": reason, "from": from_model, "to": to_model}
        case Finished(message):
            return message
        case Failed(problem):
            return problem
        case Started() | Noticed() | Thought() | Logprobs() | ToolCall():
            # Not ``asdict``: its deep copies of ids took 1 % of an answer's CPU, and orjson writes dataclasses.
            return {each.name: getattr(event, each.name) for each in fields(event)}
        case _:
            assert_never(event)
