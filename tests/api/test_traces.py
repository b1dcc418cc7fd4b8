"""One trace per answer shows the whole life of its request; feedback becomes a score."""

from __future__ import annotations

from typing import Any

from tests.live_site import LiveSite
from tests.observability.receiver import LangfuseReceiver, ReceivedSpan

QUESTION = "Write a short ballad about a compass."


def test_a_trace_shows_the_request_from_the_call_to_the_write_back(
    site: LiveSite, langfuse: LangfuseReceiver
) -> None:
    site.simulator.fault(provider="anthropic", call="classify", status=529, times=1)
    site.simulator.fault(provider="openai", call="chat", match="compass", status=500, times=1)
    person = site.person()
    answer = person.post_prompt(QUESTION, headers={"X-Request-ID": "the-request"}).json()
    spans = {span.name: span for span in langfuse.wait_for_trace(answer["trace_id"])}
    root = spans["ask"]

    assert {"guard", "lookup_answer", "classify", "generate", "remember"} <= set(spans)
    assert root.parent == ""
    assert root.input == QUESTION
    assert root.output == answer["content"]
    assert root.metadata["request_id"] == "the-request"
    classifiers = [span for span in spans.values() if span.parent == spans["classify"].span_id]
    chats = [span for span in spans.values() if span.parent == spans["generate"].span_id]
    assert [span.failed for span in _in_order(classifiers)] == [True, False]
    assert [span.failed for span in _in_order(chats)] == [True, False]
    whole = _in_order(chats)[-1]
    assert whole.usage["output"] == answer["usage"]["output_tokens"]
    assert "langfuse.observation.completion_start_time" in whole.attributes


def test_feedback_becomes_a_score_and_goes_with_it(
    site: LiveSite, langfuse: LangfuseReceiver
) -> None:
    person = site.person()
    answer = person.ask(QUESTION)
    path = f"/api/v1/messages/{answer['id']}/feedback/"
    person.http.put(path, json={"verdict": "good", "comment": "Lovely."})
    langfuse.wait_until(lambda: _score(langfuse, answer["trace_id"]) is not None)
    score = _score(langfuse, answer["trace_id"])
    assert score is not None
    assert (score["value"], score["comment"]) == (1, "Lovely.")

    person.http.delete(path)
    langfuse.wait_until(lambda: _score(langfuse, answer["trace_id"]) is None)


def test_a_langfuse_that_refuses_changes_nothing(
    site: LiveSite, langfuse: LangfuseReceiver
) -> None:
    langfuse.refuse(503)
    try:
        assert site.person().ask(QUESTION)["status"] == "complete"
    finally:
        langfuse.refuse(200)


def _in_order(spans: list[ReceivedSpan]) -> list[ReceivedSpan]:
    return sorted(spans, key=lambda span: span.started_ns)


def _score(langfuse: LangfuseReceiver, trace: str) -> dict[str, Any] | None:
    known = langfuse.scores.values()
    return next((score for score in known if score["traceId"] == trace), None)
