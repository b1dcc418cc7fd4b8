"""Feedback as scores."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from conversations.adapters.observability.observations import Score
from conversations.adapters.observability.tracer import LangfuseTracer
from tests.observability.conftest import MakeTracer
from tests.observability.receiver import LangfuseReceiver
from tests.observability.traces import fixed_uuid7, new_trace

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(("verdict", "value"), [("good", 1.0), ("bad", 0.0)])
def test_a_verdict_is_a_score_on_the_trace(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver, verdict: str, value: float
) -> None:
    message = fixed_uuid7(1_790_000_000_000)
    tracer.score(TRACE_ID, message=message, verdict=verdict, comment="thanks")
    langfuse.wait_until(lambda: bool(langfuse.scores))

    (score,) = langfuse.scores.values()
    assert score["traceId"] == TRACE_ID
    assert score["name"] == "user-feedback"
    assert (score["value"], score["dataType"]) == (value, "BOOLEAN")
    assert score["comment"] == "thanks"
    assert score["metadata"] == {"message": str(message)}
    made = datetime.fromtimestamp(1_790_000_000, UTC)
    assert datetime.fromisoformat(score["timestamp"]) == made


def test_a_changed_verdict_overwrites(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    message = uuid7()
    for verdict in ("good", "bad"):
        tracer.score(TRACE_ID, message=message, verdict=verdict, comment="")
    langfuse.wait_until(lambda: len(langfuse.requests) == 2)
    tracer.close(timeout=20)

    first, second = (json.loads(request.body)[0] for request in langfuse.requests)
    assert (first["id"], first["timestamp"]) == (second["id"], second["timestamp"])
    assert [score["value"] for score in langfuse.scores.values()] == [0.0]


def test_scores_of_two_messages_live_side_by_side(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    for _ in range(2):
        tracer.score(TRACE_ID, message=uuid7(), verdict="good", comment="")
    langfuse.wait_until(lambda: len(langfuse.scores) == 2)


def test_a_verdict_taken_back_is_deleted(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    message = uuid7()
    tracer.score(TRACE_ID, message=message, verdict="good", comment="")
    tracer.score(TRACE_ID, message=message, verdict=None, comment="")
    langfuse.wait_until(lambda: len(langfuse.requests) == 2)
    tracer.close(timeout=20)

    assert [request.method for request in langfuse.requests] == ["POST", "DELETE"]
    assert langfuse.scores == {}


def test_taking_back_what_never_was_is_no_fault(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    tracer.score(TRACE_ID, message=uuid7(), verdict=None, comment="")
    langfuse.wait_until(lambda: bool(langfuse.requests))
    tracer.close(timeout=20)

    assert not caplog.records


def test_without_content_the_comment_stays(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver
) -> None:
    tracer = make_tracer(capture_content=False)
    tracer.score(TRACE_ID, message=uuid7(), verdict="bad", comment="Rosalind is cross")
    langfuse.wait_until(lambda: bool(langfuse.scores))

    assert b"Rosalind" not in langfuse.requests[0].body


def test_a_score_follows_its_trace(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    trace = new_trace()
    tracer.record(trace)
    tracer.score(trace.turn.trace_id, message=trace.turn.message, verdict="good", comment="")
    langfuse.wait_until(lambda: bool(langfuse.scores))

    assert langfuse.trace(trace.turn.trace_id)


def test_an_id_without_a_time_leaves_the_time_to_the_server() -> None:
    assert Score(TRACE_ID, uuid4(), "good").timestamp is None
