"""Events of runs as responses: every event of the union, mixed pieces, cuts, and equal numbers anywhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, get_args
from uuid import UUID

import pytest

from conversations.api.openai.response_encoder import ResponseBuilder, ResponseEncoder
from conversations.api.openai.response_request import parse_response_request
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
from routing.domain.decide import default_decision
from routing.domain.guard import GuardReport
from tests.fakes import RULES

pytestmark = pytest.mark.pure

ID = UUID(int=7)
PARAMETERS = parse_response_request({"model": "m", "input": "x"}, lenient=False)[0].parameters()
MESSAGE: dict[str, Any] = {
    "id": str(ID),
    "status": "complete",
    "content": "",
    "decision": {"action": "answer"},
    "finish_reason": "stop",
    "image": None,
    "usage": {"input_tokens": 3, "output_tokens": 4},
    "timings": {"total_ms": 1_500},
    "attempts": [
        {"operation": "classify", "cached_tokens": 9},
        {"operation": "chat", "cached_tokens": 2, "reasoning_tokens": 1},
    ],
}
BEGIN: list[Event] = [
    Started(ID, ID, ID),
    Decided(default_decision(RULES, "for a test"), CacheFacts(), GuardReport("pass")),
]
MIXED: list[Event] = [
    Thought("Hm"),
    Thought("m."),
    Token("Let me "),
    Noticed("n", "d"),
    Logprobs(({"token": "look"},)),
    Token("look."),
    ToolCall(0, "call_a", "weather", ""),
    ToolCall(1, "call_b", "tides", '{"at"'),
    ToolCall(0, "", "", "{}"),
    ToolCall(1, "", "", ":1}"),
]
PROBLEM = {"status": 503, "code": "provider_error", "detail": "It broke."}


def builder() -> ResponseBuilder:
    return ResponseBuilder(ID, datetime.fromtimestamp(100, UTC), PARAMETERS)


def frames(events: list[Event], after: int = -1) -> list[dict[str, Any]]:
    """The bodies of a stream's frames, whose names are their types."""
    encoder, bodies = ResponseEncoder(builder(), after=after), []
    for event in events:
        for frame in encoder.encode(event):
            name, data, *_ = frame.decode().split("\n")
            bodies.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {bodies[-1]['type']}"
    assert encoder.ended
    return bodies


def test_the_events_of_this_test_are_all_there_are() -> None:
    used = {type(event) for event in [*BEGIN, *MIXED, Finished(MESSAGE)]}

    assert used | {Reset, Failed} == set(get_args(Event))


def test_items_are_whole_and_numbers_without_gaps() -> None:
    events = frames([*BEGIN, *MIXED, Finished(MESSAGE)])
    thought, said, first, second = events[-1]["response"]["output"]

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert thought["summary"] == [{"type": "summary_text", "text": "Hmm."}]
    assert said["content"][0]["text"] == "Let me look."
    assert (first["call_id"], first["name"], first["arguments"]) == ("call_a", "weather", "{}")
    assert (second["call_id"], second["arguments"]) == ("call_b", '{"at":1}')
    assert {item["status"] for item in events[-1]["response"]["output"]} == {"completed"}
    assert len({item["id"] for item in events[-1]["response"]["output"]}) == 4


def test_a_custom_call_is_told_by_its_input() -> None:
    pieces = [ToolCall(0, "call_a", "patch", "*** ", custom=True), ToolCall(0, "", "", "End", True)]
    events = frames([*BEGIN, *pieces, Finished(MESSAGE)])

    assert [(event["type"], event.get("delta")) for event in events[3:5]] == [
        ("response.custom_tool_call_input.delta", "*** "),
        ("response.custom_tool_call_input.delta", "End"),
    ]
    done = events[5]
    assert (done["type"], done["input"]) == ("response.custom_tool_call_input.done", "*** End")
    assert {"name", "arguments"}.isdisjoint(done)
    assert events[6]["item"] == events[-1]["response"]["output"][0]
    assert events[6]["item"]["input"] == "*** End"


def test_each_item_opens_before_its_pieces_and_closes_once() -> None:
    events = frames([*BEGIN, *MIXED, Finished(MESSAGE)])
    for place in range(4):
        kinds = [event["type"] for event in events if event.get("output_index") == place]
        assert kinds[0] == "response.output_item.added"
        assert kinds[-1] == "response.output_item.done"
        assert [kind for kind in kinds if kind.startswith("response.output_item")] == [
            kinds[0],
            kinds[-1],
        ]
        deltas = [at for at, kind in enumerate(kinds) if kind.endswith(".delta")]
        assert all(second == first + 1 for first, second in pairwise(deltas))
        assert kinds[deltas[-1] + 1] == kinds[deltas[0]].removesuffix("delta") + "done"


def test_the_whole_object_is_that_of_the_stream() -> None:
    events: list[Event] = [*BEGIN, *MIXED, Finished(MESSAGE)]

    assert builder().whole(events, MESSAGE) == frames(events)[-1]["response"]


def test_usage_is_that_of_the_answer() -> None:
    response = builder().whole([*BEGIN, Token("x"), Finished(MESSAGE)], MESSAGE)

    assert response["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 2},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 7,
    }
    assert response["completed_at"] == 101


@pytest.mark.parametrize("after", [0, 1, 5, 17])
def test_a_later_start_leaves_the_numbers_alone(after: int) -> None:
    events: list[Event] = [*BEGIN, *MIXED, Finished(MESSAGE)]

    assert frames(events, after) == frames(events)[after + 1 :]


def test_an_answer_without_text_has_an_empty_message() -> None:
    response = builder().whole([*BEGIN, Thought("…"), Finished(MESSAGE)], MESSAGE)

    assert [item["type"] for item in response["output"]] == ["reasoning", "message"]
    assert response["output"][1]["content"][0]["text"] == ""


def test_the_last_item_of_a_cut_answer_is_incomplete() -> None:
    cut = {**MESSAGE, "finish_reason": "length"}
    last = frames([*BEGIN, *MIXED, Finished(cut)])[-1]
    statuses = [item["status"] for item in last["response"]["output"]]

    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert statuses == ["completed", "completed", "completed", "incomplete"]


@pytest.mark.parametrize("end", [Failed(PROBLEM), Reset("cut", "a", "b")])
def test_a_failure_is_the_last_event_in_both_shapes(end: Event) -> None:
    *_, last = frames([*BEGIN, Token("x"), end, Token("y"), Finished(MESSAGE)])

    assert last["type"] == "error"
    assert last["message"] == last["error"]["message"]
    assert set(last["error"]) == {"type", "code", "message", "param"}


def test_a_failure_is_told_after_events_that_were_lost() -> None:
    assert [frame["type"] for frame in frames([*BEGIN, Failed(PROBLEM)], after=50)] == ["error"]
    assert frames([*BEGIN, Failed(PROBLEM)], after=50)[0]["sequence_number"] == 51


def test_a_reset_before_any_output_is_no_failure() -> None:
    events = frames([*BEGIN, Reset("cut", "a", "b"), Token("y"), Finished(MESSAGE)])

    assert events[-1]["type"] == "response.completed"


def test_an_answer_that_started_over_has_its_last_text() -> None:
    events: list[Event] = [
        *BEGIN,
        Token("x"),
        Reset("cut", "a", "b"),
        Token("y"),
        Finished(MESSAGE),
    ]
    response = builder().whole(events, MESSAGE)

    assert [item["content"][0]["text"] for item in response["output"]] == ["y"]
    assert response["output"][0]["id"] == f"msg_{ID.hex}"


@pytest.mark.parametrize(("status", "shown"), [("stopped", "cancelled"), ("complete", "completed")])
def test_the_status_follows_the_message(status: str, shown: str) -> None:
    message = {**MESSAGE, "status": status}

    assert builder().whole([*BEGIN, Token("x"), Finished(message)], message)["status"] == shown


def test_a_failed_response_tells_its_error() -> None:
    response = builder().whole([*BEGIN, Token("x"), Failed(PROBLEM)], MESSAGE)

    assert response["status"] == "failed"
    assert response["error"] == {"code": "server_error", "message": "It broke."}
    assert response["output"][0]["content"][0]["text"] == "x"
