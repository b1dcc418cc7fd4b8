"""The encoder of parts, event by event."""

from __future__ import annotations

import json
from typing import Any, get_args
from uuid import UUID

import pytest

from conversations.api.ui_stream.part_encoder import PartEncoder
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
from conversations.engine.types import CacheFacts
from routing.domain.actions import Action
from routing.domain.guard import GuardReport
from routing.domain.rules import Decision, Source

ID = UUID(int=1)
DECISION = Decision(Action.ANSWER, Source.CLASSIFIER, "openai", "gpt", "code", "it is code", 3)
DECIDED = Decided(DECISION, CacheFacts("miss"), GuardReport("pass"))
MESSAGE: dict[str, Any] = {
    "status": "complete",
    "content": "Yes.",
    "decision": None,
    "cache": None,
    "image": None,
    "usage": {"input_tokens": 4, "output_tokens": 2, "cost_usd": "0.000010"},
    "timings": {"first_token_ms": 3, "total_ms": 5},
    "finish_reason": "stop",
    "trace_id": "ab",
}
KNOWN = {
    "start", "start-step", "text-start", "text-delta", "text-end", "reasoning-start",
    "reasoning-delta", "reasoning-end", "file", "finish-step", "finish", "error", "abort",
    "data-decision", "data-notice", "data-reset", "data-suggestions", "reset-step",
}  # fmt: skip


def parts(*events: Event, resets: bool = True) -> list[dict[str, Any]]:
    encoder = PartEncoder(resets=resets)
    frames = b"".join(encoder.encode(at, event) for at, event in enumerate(events, start=1))
    data = [frame.split(b"data: ")[1] for frame in frames.split(b"\n\n") if frame]
    return [json.loads(each) for each in data if each != b"[DONE]"]


def types(*events: Event, resets: bool = True) -> list[str]:
    return [part["type"] for part in parts(*events, resets=resets)]


@pytest.mark.parametrize("event", [
    Started(ID, ID, ID), DECIDED, Token("a"), Thought("b"), Logprobs(({},)),
    ToolCall(0, "c", "d", "{}"), Reset("broken", "a", "b"), Noticed("code", "detail"),
    Finished(MESSAGE), Failed({"detail": "It broke."}),
])  # fmt: skip
@pytest.mark.parametrize("resets", [True, False])
def test_every_event_makes_parts_that_clients_know(event: Event, resets: bool) -> None:
    assert type(event) in get_args(Event)
    assert set(types(event, resets=resets)) <= KNOWN


def test_thinking_and_text_are_parts_of_their_own() -> None:
    assert types(Thought("a"), Thought("b"), Token("c"), Thought("d"), Finished(MESSAGE)) == [
        "reasoning-start", "reasoning-delta", "reasoning-delta", "reasoning-end",
        "text-start", "text-delta", "text-end", "reasoning-start", "reasoning-delta", "reasoning-end",
        "finish-step", "finish",
    ]  # fmt: skip


def test_a_restart_takes_the_step_away_where_the_client_knows_how() -> None:
    told = parts(DECIDED, Token("a"), Reset("broken", "x", "y"), Token("b"), Finished(MESSAGE))

    assert [part["type"] for part in told] == [
        "data-decision", "text-start", "text-delta", "reset-step", "data-decision",
        "text-start", "text-delta", "text-end", "finish-step", "finish",
    ]  # fmt: skip
    assert told[0] == told[4]


def test_a_restart_is_new_text_where_the_client_is_older() -> None:
    told = parts(Token("a"), Reset("broken", "x", "y"), Token("b"), resets=False)

    assert [part["type"] for part in told] == [
        "text-start", "text-delta", "text-end", "data-reset", "text-start", "text-delta",
    ]  # fmt: skip
    assert told[0]["id"] != told[4]["id"]
    assert told[3]["data"] == {"reason": "broken", "from": "x", "to": "y"}


@pytest.mark.parametrize(("reason", "told"), [
    ("stop", "stop"), ("length", "length"), ("content_filter", "content-filter"),
    ("tool_calls", "tool-calls"), (None, "stop"), ("end_of_story", "other"),
])  # fmt: skip
def test_the_finish_reason_is_one_that_clients_know(reason: str | None, told: str) -> None:
    assert parts(Finished({**MESSAGE, "finish_reason": reason}))[-1]["finishReason"] == told


def test_the_end_tells_usage_cost_and_times() -> None:
    assert parts(Finished(MESSAGE))[-1]["messageMetadata"] == {
        "usage": {"input_tokens": 4, "output_tokens": 2},
        "cost": "0.000010",
        "timings": {"first_token_ms": 3, "total_ms": 5},
        "trace_id": "ab",
    }


def test_a_failure_is_the_last_part() -> None:
    told = parts(Token("a"), Failed({"detail": "It broke.", "code": "provider_error"}))

    assert told[-1] == {"type": "error", "errorText": "It broke."}


def test_a_stop_is_an_abort() -> None:
    told = parts(Token("a"), Finished({**MESSAGE, "status": "stopped"}))

    assert [part["type"] for part in told[-2:]] == ["text-end", "abort"]
    assert told[-1]["reason"] == "stopped"
