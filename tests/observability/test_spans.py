"""What Langfuse gets to see of an answer, over the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from langfuse import LangfuseOtelSpanAttributes
from opentelemetry import trace as otel

from conversations.adapters.observability.spans import Name
from conversations.adapters.observability.tracer import LangfuseTracer
from conversations.engine.types import TraceRecord
from routing.domain.llm import ChatMessage, Usage
from tests.observability.conftest import MakeTracer
from tests.observability.receiver import TRACES, LangfuseReceiver, ReceivedSpan
from tests.observability.traces import (
    ANSWER,
    PROMPT,
    at,
    attempt,
    generate_step,
    image_trace,
    new_trace,
    new_turn,
)


def named(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (span,) = [span for span in spans if span.name == name]
    return span


def told(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver, trace: TraceRecord
) -> list[ReceivedSpan]:
    tracer.record(trace)
    return langfuse.wait_for_trace(trace.turn.trace_id)


def test_names_are_those_of_the_sdk() -> None:
    assert {name.name: name.value for name in Name} == {
        name.name: getattr(LangfuseOtelSpanAttributes, name.name) for name in Name
    }


def test_one_trace_shows_the_whole_life(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    spans = told(tracer, langfuse, new_trace())

    names = {span.span_id: span.name for span in spans}
    assert [(span.name, span.type, names.get(span.parent, "")) for span in spans] == [
        ("ask", "span", ""),
        ("guard", "guardrail", "ask"),
        ("lookup_answer", "retriever", "ask"),
        ("classify", "span", "ask"),
        ("classify claude-haiku", "generation", "classify"),
        ("classify gpt-mini", "generation", "classify"),
        ("generate", "span", "ask"),
        ("chat claude-sonnet", "generation", "generate"),
        ("remember", "span", "ask"),
    ]


def test_times_are_those_of_the_turn(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    spans = told(tracer, langfuse, new_trace())

    root, answer = spans[0], named(spans, "chat claude-sonnet")
    assert (root.started_ns, root.ended_ns) == (at(0), at(2820))
    assert (answer.started_ns, answer.ended_ns) == (at(45), at(2800))


def test_the_root_holds_the_call(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    trace = new_trace()
    root = told(tracer, langfuse, trace)[0]

    assert (root.input, root.output) == (PROMPT, ANSWER)
    assert root.attributes["langfuse.observation.level"] == "WARNING"  # the memory was missing
    assert root.metadata["request_id"] == "req-1"
    assert root.metadata["message"] == str(trace.turn.message)
    assert root.metadata["status"] == "complete"
    assert root.metadata["ruleset"] == 12
    assert root.metadata["route"] == {
        "action": "answer",
        "source": "classifier-fallback",
        "rule": "complex-reasoning",
        "provider": "anthropic",
        "model": "claude-sonnet",
        "fallback": True,
        "reason": "Rosalind asks for a proof",
    }
    assert root.metadata["degraded"] == [
        {"part": "memory", "detail": "Rosalind's memory timed out"}
    ]
    assert root.metadata["guard"] == {"verdict": "pass", "score": 0.02, "signals": ["none"]}
    assert root.metadata["usage"]["cost_usd"] == "0.003355"


def test_a_clients_own_session_is_told(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    trace = new_trace()
    named = replace(trace, turn=replace(trace.turn, session="chat-7"))

    for span in told(tracer, langfuse, named):
        assert span.attributes["session.id"] == "chat-7"


def test_a_clients_own_notes_are_told(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    trace = new_trace()
    noted = replace(trace, turn=replace(trace.turn, notes=(("metadata.team", "blue"),)))

    assert told(tracer, langfuse, noted)[0].metadata["client"] == {"metadata.team": "blue"}


def test_every_span_tells_whose_it_is(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    trace = new_trace()
    for span in told(tracer, langfuse, trace):
        assert span.attributes["user.id"] == "7"
        assert span.attributes["session.id"] == str(trace.turn.conversation)
        assert set(span.attributes["langfuse.trace.tags"]) == {
            "status:complete",
            "cache:miss",
            "action:answer",
            "source:classifier-fallback",
            "fallback",
            "guard:pass",
            "degraded:memory",
        }
        assert span.scope == "langfuse-sdk"


def test_a_generation_holds_model_tokens_cost_and_first_token(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    answer = named(told(tracer, langfuse, new_trace()), "chat claude-sonnet")

    assert answer.attributes["langfuse.observation.model.name"] == "claude-sonnet"
    assert answer.usage == {"input": 41, "output": 212, "total": 253}
    assert answer.cost == {"total": 0.003315}
    assert (answer.input, answer.output) == ([{"role": "user", "content": PROMPT}], ANSWER)
    first = answer.attributes["langfuse.observation.completion_start_time"].strip('"')
    expected = datetime.fromtimestamp(at(45 + 412) / 1e9, UTC)
    assert abs((datetime.fromisoformat(first) - expected).total_seconds()) < 1e-3
    assert answer.attributes["gen_ai.operation.name"] == "chat"


def test_tool_calls_are_in_a_trace_and_pictures_are_not(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    prompt = (
        ChatMessage("user", "And this?", {"role": "user", "content": [{"type": "image_url"}]}),
        ChatMessage("assistant", "", {"role": "assistant", "tool_calls": [call]}),
        ChatMessage("tool", "18 C", {"role": "tool", "tool_call_id": "call_1", "content": "18 C"}),
    )
    step = generate_step()
    asked = replace(step, attempts=(replace(step.attempts[0], prompt=prompt),))

    answer = named(told(tracer, langfuse, new_trace(steps=(asked,))), "chat claude-sonnet")

    assert answer.input == [
        {"role": "user", "content": "And this?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "18 C", "tool_call_id": "call_1"},
    ]
    assert answer.attributes["gen_ai.provider.name"] == "anthropic"
    assert answer.attributes["gen_ai.request.model"] == "claude-sonnet"
    assert answer.attributes["gen_ai.usage.input_tokens"] == 41
    assert answer.attributes["gen_ai.usage.output_tokens"] == 212
    assert answer.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert not answer.failed


def test_a_failed_attempt_is_an_error_that_says_why(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    spans = told(tracer, langfuse, new_trace())

    failed, decided = named(spans, "classify claude-haiku"), named(spans, "classify gpt-mini")
    assert failed.attributes["langfuse.observation.level"] == "ERROR"
    assert failed.attributes["langfuse.observation.status_message"] == (
        "provider_error: overloaded: Rosalind"
    )
    assert failed.attributes["error.type"] == "provider_error"
    assert failed.failed
    assert failed.usage == {"input": 0, "output": 0, "total": 0}
    assert failed.cost is None
    assert decided.attributes["langfuse.observation.level"] == "DEFAULT"
    assert decided.output == {"rule": "complex-reasoning"}


def test_a_picture_is_a_tool_with_a_call_in_it(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    spans = told(tracer, langfuse, image_trace())

    tool, call = named(spans, "draw"), named(spans, "image gpt-image")
    assert (tool.type, tool.output) == ("tool", "https://example.test/cat.png")
    assert (call.type, call.parent) == ("generation", tool.span_id)


def test_a_stopped_answer_is_no_error(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    cut = attempt(
        "chat", "gpt", "openai", 5, 80, outcome="cancelled", usage=Usage(4, 9, None, True)
    )
    step = replace(generate_step(), error="CancelledError: ", attempts=(cut,))
    spans = told(tracer, langfuse, new_trace(steps=(step,), status="stopped"))

    assert {span.attributes["langfuse.observation.level"] for span in spans} == {"WARNING"}
    assert not any(span.failed for span in spans)
    assert named(spans, "chat gpt").metadata["usage_estimated"] is True


def test_a_failed_answer_is_an_error(tracer: LangfuseTracer, langfuse: LangfuseReceiver) -> None:
    trace = new_trace(status="failed", error="claude-sonnet: 529", decision=None, guard=None)
    root = told(tracer, langfuse, trace)[0]

    assert root.failed
    assert root.attributes["langfuse.observation.status_message"] == "claude-sonnet: 529"
    assert "route" not in root.metadata


def test_without_content_no_word_leaves_the_house(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver
) -> None:
    step = replace(generate_step(), error="ValueError: Rosalind")
    trace = new_trace(error="Rosalind", status="failed")
    trace = replace(trace, steps=(*trace.steps, step))
    spans = told(make_tracer(capture_content=False), langfuse, trace)

    said = repr([span.attributes for span in spans])
    assert "Rosalind" not in said
    assert ANSWER not in said
    assert "complex-reasoning" in said  # the rule's name is the house's own word
    assert named(spans, "classify gpt-mini").usage["input"] == 90


def test_environment_and_release_are_on_every_span(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver
) -> None:
    spans = told(make_tracer(environment="staging", release="1.4"), langfuse, new_trace())

    for span in spans:
        assert span.attributes["langfuse.environment"] == "staging"
        assert span.attributes["langfuse.release"] == "1.4"


def test_half_a_character_loses_nothing_else(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    assert told(tracer, langfuse, new_trace(content="smile \ud83d"))[0].output == "smile ?"


def test_spans_of_others_stay_where_they_are(
    tracer: LangfuseTracer, langfuse: LangfuseReceiver
) -> None:
    provider = otel.get_tracer_provider()
    with otel.get_tracer("somebody else").start_as_current_span("gen_ai of others"):
        spans = told(tracer, langfuse, new_trace())

    assert len(spans) == 9
    assert spans[0].parent == ""
    assert otel.get_tracer_provider() is provider


def test_turns_that_end_together_share_a_request(
    make_tracer: MakeTracer, langfuse: LangfuseReceiver
) -> None:
    tracer = make_tracer(linger=30.0)
    traces = [new_trace(new_turn()) for _ in range(5)]
    for trace in traces:
        tracer.record(trace)
    tracer.close(timeout=20)

    assert [len(langfuse.trace(trace.turn.trace_id)) for trace in traces] == [9] * 5
    assert [request.path for request in langfuse.requests] == [TRACES]
