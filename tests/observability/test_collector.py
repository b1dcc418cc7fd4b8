"""What a collector of OpenTelemetry gets to see, over the wire, beside Langfuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings

from conversations.adapters.observability.tracer import CollectorTracer, NullTracer, TeeTracer
from conversations.bootstrap.parts import make_tracer
from routing.common.tasks import Background
from tests.observability.receiver import LangfuseReceiver, ReceivedSpan
from tests.observability.traces import ANSWER, PROMPT, new_trace, new_turn

KEY = UUID(int=7)


@pytest.fixture
def collector() -> Iterator[LangfuseReceiver]:
    """Any server of OTLP: this one wants no account."""
    with LangfuseReceiver(traces="/v1/traces", wants_account=False) as receiver:
        yield receiver


def told(collector: LangfuseReceiver, **options: Any) -> list[ReceivedSpan]:
    turn = replace(new_turn(), end_user="grace@example.org", key=KEY, session="chat-1")
    tracer = CollectorTracer(
        collector.url, {"X-Team": "blue"}, service="shop", linger=0.02, **options
    )
    try:
        tracer.record(new_trace(turn=turn))
        return collector.wait_for_trace(turn.trace_id)
    finally:
        tracer.close()


def test_spans_have_the_conventions_of_genai(collector: LangfuseReceiver) -> None:
    spans = told(collector)

    assert len({span.trace_id for span in spans}) == 1
    assert {span.resource["service.name"] for span in spans} == {"shop"}
    assert collector.requests[0].headers["x-team"] == "blue"
    assert not [name for span in spans for name in span.attributes if "langfuse" in name]
    for span in spans:
        assert span.attributes["session.id"] == "chat-1"
        assert span.attributes["assistant.key.id"] == str(KEY)
    (call, *_) = [span for span in spans if span.name.startswith("chat ")]
    assert call.attributes["gen_ai.operation.name"] == "chat"
    assert call.attributes["gen_ai.usage.output_tokens"] > 0
    assert call.attributes["gen_ai.provider.name"]


def test_texts_and_end_users_are_told_where_that_is_wanted(collector: LangfuseReceiver) -> None:
    quiet = told(collector)
    text = str([span.attributes for span in quiet])
    assert PROMPT not in text
    assert ANSWER not in text
    assert "grace" not in text


def test_messages_have_roles_and_parts(collector: LangfuseReceiver) -> None:
    spans = told(collector, capture_content=True)
    assert {span.attributes["enduser.id"] for span in spans} == {"grace@example.org"}
    outputs = [span.attributes.get("gen_ai.output.messages", "") for span in spans]
    assert any('"role": "assistant"' in output for output in outputs)


def test_one_that_is_down_takes_nothing_from_the_other(
    collector: LangfuseReceiver, langfuse: LangfuseReceiver, settings: LazySettings
) -> None:
    settings.LANGFUSE_HOST = langfuse.url
    settings.LANGFUSE_PUBLIC_KEY, settings.LANGFUSE_SECRET_KEY = "pk-lf-test", "sk-lf-test"
    settings.OTLP_ENDPOINT = collector.url
    langfuse.stall()
    tracer = make_tracer(lambda count: None, Background())
    assert isinstance(tracer, TeeTracer)
    trace = new_trace()
    tracer.record(trace)
    try:
        assert collector.wait_for_trace(trace.turn.trace_id)
    finally:
        tracer.close(0.1)


def test_without_an_address_there_is_no_tracer(settings: LazySettings) -> None:
    settings.LANGFUSE_PUBLIC_KEY = settings.OTLP_ENDPOINT = ""
    assert isinstance(make_tracer(lambda count: None, Background()), NullTracer)
