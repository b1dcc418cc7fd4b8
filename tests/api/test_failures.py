"""When providers fail: who answers instead, and what clients are told when nobody can."""

from __future__ import annotations

import pytest

from tests.live_site import LiveSite, text_of

CREATIVE = "Write a short story about a clockmaker."
REASONING = "Prove step by step that there are infinitely many primes."


def test_with_anthropic_gone_openai_classifies_and_answers(site: LiveSite) -> None:
    site.simulator.stop_side("anthropic")
    try:
        events = site.person().stream(REASONING)
    finally:
        site.simulator.start_side("anthropic")
    done = events[-1].data

    assert done["decision"]["source"] == "classifier-fallback"
    assert done["decision"]["provider"] == "openai"
    assert done["decision"]["fallback"] is True
    assert events[1].data["decision"] == done["decision"]
    assert "reset" not in {event.name for event in events}


def test_with_no_classifier_the_published_default_answers(site: LiveSite) -> None:
    site.simulator.fault(call="classify", status=500, times=10)
    answer = site.person().ask(CREATIVE)

    assert answer["decision"]["source"] == "default"
    assert answer["decision"]["rule"] == "general"
    assert answer["status"] == "complete"


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_with_nobody_left_there_is_an_honest_503(site: LiveSite, accept: str) -> None:
    person = site.person()
    site.simulator.stop_side("anthropic")
    site.simulator.stop_side("openai")
    try:
        response = person.post_prompt(CREATIVE, accept=accept)
    finally:
        site.simulator.start_side("anthropic")
        site.simulator.start_side("openai")
    body = response.json()

    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    assert body["code"] == "no_provider_available"
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["instance"].startswith("/api/v1/messages/")
    failed = person.http.get(body["instance"]).json()
    assert failed["status"] == "failed"


def test_on_an_open_stream_a_failure_is_its_last_event(site: LiveSite) -> None:
    person = site.person()
    for provider in ("openai", "anthropic"):
        site.simulator.fault(provider=provider, status=500, times=10)
    events = person.stream(CREATIVE)

    assert [event.name for event in events] == ["start", "error"]
    assert events[-1].data["status"] == 503


def test_a_stream_cut_after_its_first_tokens_starts_over_elsewhere(site: LiveSite) -> None:
    site.simulator.fault(provider="openai", match="clockmaker", call="chat",
                         cut_after=4, times=1)  # fmt: skip
    events = site.person().stream(CREATIVE, model="gpt")
    names = [event.name for event in events]
    done = events[-1].data

    assert names.count("reset") == 1
    assert "notice" in names
    reset = events[names.index("reset")].data
    assert (reset["from"], reset["to"]) == ("gpt", done["decision"]["model"])
    assert text_of(events) == done["content"]
    assert done["decision"]["fallback"] is True
    assert [tried["outcome"] == "ok" for tried in done["attempts"]] == [False, True]


def test_a_problem_never_tells_what_the_provider_said(site: LiveSite) -> None:
    for provider in ("openai", "anthropic"):
        site.simulator.fault(provider=provider, status=401, times=10)
    response = site.person().post_prompt(CREATIVE)

    assert response.status_code == 503
    assert "key" not in response.text.lower()


def test_a_dead_model_is_asked_no_more_until_an_operator_says_so(site: LiveSite) -> None:
    person = site.person()
    site.simulator.fault(provider="openai", call="chat", status=500)
    for _ in range(6):
        assert person.ask(CREATIVE, model="gpt")["decision"]["fallback"] is True
    ready = site.client().get("/readyz").json()
    site.simulator.clear()
    skipped = person.ask(CREATIVE, model="gpt")
    site.close_circuits()
    asked = person.ask(CREATIVE, model="gpt")

    assert ready["status"] == "degraded"
    assert "gpt" in ready["checks"]["models"]["not_asked"]
    assert [tried["model"] for tried in skipped["attempts"]] == [skipped["decision"]["model"]]
    assert skipped["decision"]["fallback"] is True
    assert asked["decision"]["model"] == "gpt"


@pytest.mark.parametrize("model", ["gpt", "claude-sonnet", "gpt-image"])
def test_a_providers_refusal_is_a_refusal_and_nobody_else_is_asked(
    site: LiveSite, model: str
) -> None:
    call = "image" if model == "gpt-image" else "chat"
    fault = {"finish": "refusal", "tokens": 0} if model == "claude-sonnet" else {}
    site.simulator.fault(call=call, **(fault or {"status": 400, "error": "content_filter"}))
    answer = site.person().ask(CREATIVE, model=model)

    assert answer["status"] == "complete"
    assert answer["decision"]["action"] == "refuse"
    assert answer["finish_reason"] == "content_filter"
    assert answer["content"].count("\n- ") == 2
    assert len(site.simulator.requests) == 1
