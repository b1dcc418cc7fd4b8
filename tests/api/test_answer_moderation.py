"""Moderation of answers by a provider, on every API: ended before harm is seen, flagged, passed, or away."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest

from conversations.models import LedgerEntry, Message
from tests.api.conftest import Compose
from tests.live_site import LiveSite, text_of

GOOD = " ".join(f"Heron {number} stands in the reeds." for number in range(12))
BAD = "You can build a bomb with a pipe."
SIGNALS = ["output_moderation_illicit", "output_moderation_illicit_violent"]
pytestmark = pytest.mark.live


@pytest.fixture
def composed(composed: Compose) -> Compose:
    """The site with moderation of answers, too."""

    def compose(answers: str = "refuse", **changed: Any) -> AbstractContextManager[None]:
        return composed(answers=answers, **changed)

    return compose


@pytest.fixture
def prompt() -> str:
    """One that nobody asked before."""
    return f"Tell me about the herons of {uuid4().hex}"


def says(site: LiveSite, prompt: str, text: str, **fault: Any) -> None:
    # Slowly: what arrives at once is one piece, and one window.
    site.simulator.fault(match=prompt, call="chat", text=text, **{"token_delay_ms": 2, **fault})


def guard_of(message: dict[str, Any]) -> tuple[str, list[str]]:
    guard = message["decision"]["guard"]
    return guard["verdict"], guard["signals"]


def judged(site: LiveSite) -> list[str]:
    """The texts that the provider was asked about, the prompt first."""
    asked = [one for one in site.simulator.requests if one.call == "moderation"]
    return [text for one in asked for text in one.body["input"]]


def test_an_answer_that_passes_is_as_ever(site: LiveSite, refusing: None, prompt: str) -> None:
    person = site.person()
    says(site, prompt, GOOD)
    events = person.stream(prompt)
    message = events[-1].data
    first, *windows = judged(site)

    assert text_of(events) == message["content"] == GOOD
    assert (message["finish_reason"], guard_of(message)) == ("stop", ("pass", []))
    assert first == prompt
    assert GOOD.startswith(windows[0])
    assert GOOD.endswith(windows[-1])
    assert person.ask(prompt)["cache"]["outcome"] == "exact"


def test_harm_ends_the_answer_and_is_told_everywhere(
    site: LiveSite, refusing: None, prompt: str
) -> None:
    person = site.person()
    # The model would go on for ever: its stream is closed.
    says(site, prompt, f"{GOOD} {BAD} {GOOD * 20}", stall_after=150)
    events = person.stream(prompt)
    message = events[-1].data
    stored = Message.objects.get(pk=message["id"])
    rows = LedgerEntry.objects.filter(run=message["id"], purpose="moderation")

    assert (message["status"], message["finish_reason"]) == ("complete", "content_filter")
    assert message["decision"]["action"] == "answer"
    assert guard_of(message) == ("block", SIGNALS)
    assert text_of(events) == message["content"] == stored.content != ""
    assert GOOD.startswith(message["content"].strip())
    assert [event.data["code"] for event in events if event.name == "notice"] == ["answer_cut"]
    assert "bomb" not in json.dumps([event.data for event in events])
    assert len(rows) == len(judged(site)) > 2
    assert {row.cost for row in rows} == {0}
    told = site.client().get("/metrics").text
    assert 'assistant_answer_moderations_total{outcome="refuse"}' in told
    replayed = person.http.get(f"/api/v1/messages/{message['id']}/stream/").text
    assert "bomb" not in replayed
    assert person.ask(prompt)["cache"]["outcome"] == "miss"


def test_an_answer_of_which_nothing_passes_is_a_refusal(
    site: LiveSite, refusing: None, prompt: str
) -> None:
    says(site, prompt, BAD)
    message = site.person().ask(prompt)

    assert (message["finish_reason"], message["decision"]["action"]) == ("content_filter", "refuse")
    assert message["content"].startswith("I can't show an answer to this")
    assert guard_of(message) == ("block", SIGNALS)


def test_a_flagged_answer_streams_and_is_shared_with_nobody(
    site: LiveSite, composed: Compose, prompt: str
) -> None:
    person = site.person()
    says(site, prompt, f"{GOOD} {BAD}")
    with composed("flag"):
        message, again = person.ask(prompt), person.ask(prompt)

    for answer in (message, again):
        assert answer["content"] == f"{GOOD} {BAD}"
        assert (answer["finish_reason"], guard_of(answer)) == ("stop", ("flag", SIGNALS))
        assert answer["cache"]["outcome"] == "miss"


def test_what_was_stored_without_moderation_is_not_served_with_it(
    site: LiveSite, composed: Compose, prompt: str
) -> None:
    person = site.person()
    says(site, prompt, f"{GOOD} {BAD}")
    stored = person.ask(prompt)
    with composed():
        judged_now = person.ask(prompt)

    assert stored["content"].endswith(BAD)
    assert judged_now["finish_reason"] == "content_filter"
    assert person.ask(prompt)["cache"]["outcome"] == "exact"


def test_a_stopped_answer_keeps_the_text_that_was_passed_on(
    site: LiveSite, refusing: None, prompt: str
) -> None:
    person = site.person()
    says(site, prompt, f"{GOOD} {BAD}", stall_after=60)
    # The word on the second window does not come.
    site.simulator.fault(call="moderation", match="Heron 7", headers_delay_ms=25_000)
    with person.streaming(prompt, model="gpt") as (_, events):
        message = next(event.data["message"] for event in events if event.name == "start")
        first = next(event.data["text"] for event in events if event.name == "token")
        site.simulator.wait_for(lambda _: any("Heron 7" in text for text in judged(site)))
        stopped = person.http.post(f"/api/v1/messages/{message}/stop/").json()

    assert stopped["status"] == "stopped"
    assert stopped["content"].startswith(first)
    assert GOOD.startswith(stopped["content"])
    assert "Heron 7" not in stopped["content"]


# A provider that is away: for the second window of the answer alone


AWAY = pytest.mark.parametrize(
    "how", [{"drop": True}, {"headers_delay_ms": 3_000}, {"empty": True}], ids=["dead", "slow", "empty"]
)  # fmt: skip


@AWAY
@pytest.mark.parametrize("answers", ["flag", "refuse"])
def test_without_the_provider_the_answer_is_flagged(
    site: LiveSite, composed: Compose, prompt: str, how: dict[str, Any], answers: str
) -> None:
    says(site, prompt, GOOD)
    with composed(answers, seconds=0.4):
        site.simulator.fault(call="moderation", match="Heron 11", **how)
        message = site.person().ask(prompt)

    assert (message["content"], guard_of(message)) == (GOOD, ("flag", ["output_moderation_away"]))
    assert [each["part"] for each in message["degraded"]] == ["moderation"]


@AWAY
def test_without_the_provider_that_is_required_the_answer_fails(
    site: LiveSite, composed: Compose, prompt: str, how: dict[str, Any]
) -> None:
    says(site, prompt, GOOD)
    with composed(seconds=0.4, required=True):
        site.simulator.fault(call="moderation", match="Heron 11", **how)
        person = site.person()
        whole, events = person.post_prompt(prompt), person.stream(prompt)

    assert (whole.status_code, whole.json()["code"]) == (503, "moderation_unavailable")
    assert (events[-1].name, events[-1].data["code"]) == ("error", "moderation_unavailable")
    assert "Heron 11" not in text_of(events)


# The other APIs


def completed(site: LiveSite, prompt: str, **body: Any) -> Any:
    body = {"model": "gpt", "messages": [{"role": "user", "content": prompt}], **body}
    return site.person().http.post("/v1/chat/completions", json=body)


def test_chat_completions(site: LiveSite, refusing: None, prompt: str) -> None:
    says(site, prompt, f"{GOOD} {BAD}")
    whole = completed(site, prompt).json()["choices"][0]
    streamed = completed(site, prompt, stream=True).text
    chunks = [
        json.loads(line[6:])["choices"][0]
        for line in streamed.splitlines()
        if line.startswith("data: {")
    ]
    text = "".join(chunk["delta"].get("content") or "" for chunk in chunks)

    assert whole["finish_reason"] == chunks[-1]["finish_reason"] == "content_filter"
    assert GOOD.startswith(text.strip())
    assert GOOD.startswith(whole["message"]["content"].strip())
    assert text
    assert streamed.endswith("data: [DONE]\n\n")


def test_chat_completions_of_which_nothing_passes(
    site: LiveSite, refusing: None, prompt: str
) -> None:
    says(site, prompt, BAD)
    form = {"response_format": {"type": "json_object"}}
    told = completed(site, prompt).json()["choices"][0]
    formed = completed(site, f"{prompt} as JSON", **form).json()["choices"][0]

    assert told["finish_reason"] == "content_filter"
    assert told["message"]["content"].startswith("I can't show an answer to this")
    assert formed["message"]["refusal"].startswith("I can't show an answer to this")


def test_responses(site: LiveSite, refusing: None, prompt: str) -> None:
    """As an answer that a provider's filter has cut off: clients take what is not failed for whole."""
    says(site, prompt, f"{GOOD} {BAD}")
    person = site.person()
    asked = {"model": "gpt", "input": prompt}
    whole = person.http.post("/v1/responses", json=asked)
    streamed = person.http.post("/v1/responses", json={**asked, "stream": True}).text
    frames = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    kept = person.http.get(f"/v1/responses/{frames[0]['response']['id']}").json()
    said = kept["output"][0]["content"][0]["text"]

    error, told = whole.json()["error"], "The rest of this answer was held back by moderation."
    assert error == frames[-1]["error"]
    assert (error["code"], error["message"]) == ("provider_error", told)
    assert kept["error"]["message"] == told
    assert "bomb" not in streamed + whole.text + json.dumps(kept)
    assert kept["status"] == "failed"
    assert said
    assert GOOD.startswith(said.strip())
    assert "".join(frame.get("delta", "") for frame in frames) == said


def test_the_ai_sdk(site: LiveSite, refusing: None, prompt: str) -> None:
    says(site, prompt, f"{GOOD} {BAD}")
    said = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": prompt}]}
    body = {"id": uuid4().hex, "messages": [said], "trigger": "submit-message"}
    told = site.person().http.post("/api/chat", json=body).text

    assert "Heron 0" in told
    assert "bomb" not in told
    assert '"content-filter"' in told
