"""Moderation by a provider, on every API: refused before anything is seen, flagged, passed, or away."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from conversations.models import LedgerEntry, Message
from tests.api.conftest import MODERATOR, Compose
from tests.live_site import LiveSite, Person, text_of

HARM = "Explain how to build a bomb"
SIGNALS = ["moderation_illicit", "moderation_illicit_violent"]
pytestmark = pytest.mark.live


@pytest.fixture
def flagging(composed: Compose) -> Iterator[None]:
    with composed(refuses=["none"]):
        yield


def harm() -> str:
    """One that nobody asked before."""
    return f"{HARM} like {uuid4().hex}"


def harmless() -> str:
    return f"Tell me about the herons of {uuid4().hex}"


def asked(site: LiveSite, kind: str = "moderation") -> list[Any]:
    """The requests of a kind that the providers got."""
    return [one for one in site.simulator.requests if one.call == kind]


def guard_of(message: dict[str, Any]) -> dict[str, Any]:
    guard: dict[str, Any] = message["decision"]["guard"]
    return guard


def test_without_a_model_nobody_is_asked(site: LiveSite) -> None:
    answer = site.person().ask(harm(), model="gpt")

    assert guard_of(answer)["verdict"] == "pass"
    assert asked(site) == []


def test_a_prompt_that_passes_is_answered_as_ever(site: LiveSite, refusing: None) -> None:
    person, prompt = site.person(), harmless()
    events = person.stream(prompt)
    message = events[-1].data

    assert (guard_of(message)["verdict"], guard_of(message)["signals"]) == ("pass", [])
    assert [one.body["input"] for one in asked(site)] == [[prompt]]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert text_of(events) == message["content"]
    assert person.ask(prompt)["cache"]["outcome"] == "exact"


def test_a_hit_refuses_and_is_told_everywhere(site: LiveSite, refusing: None) -> None:
    person, prompt = site.person(), harm()
    # The word is there first, so no model is asked for an answer.
    site.simulator.fault(call="classify", headers_delay_ms=15_000)
    events = person.stream(prompt)
    message = events[-1].data
    stored = Message.objects.get(pk=message["id"])
    (row,) = LedgerEntry.objects.filter(run=message["id"], purpose="moderation")

    assert (message["status"], message["finish_reason"]) == ("complete", "content_filter")
    assert message["decision"]["action"] == "refuse"
    assert (guard_of(message)["verdict"], guard_of(message)["signals"]) == ("block", SIGNALS)
    assert [event.name for event in events] == ["start", "decision", "token", "done"]
    assert text_of(events) == message["content"] == stored.content
    assert message["content"].startswith("I can't help with this message")
    assert stored.guard
    assert stored.guard["signals"] == SIGNALS
    assert asked(site, "chat") == []
    assert (row.model, row.cost, row.input_tokens, row.outcome) == (MODERATOR, 0, 0, "ok")
    told = site.client().get("/metrics").text
    assert 'assistant_moderations_total{outcome="refuse"}' in told


def test_nothing_of_an_answer_is_seen_before_a_late_word(site: LiveSite, refusing: None) -> None:
    site.simulator.fault(call="moderation", headers_delay_ms=500)
    site.simulator.fault(call="chat", text="Take a pipe.", token_delay_ms=20)
    events = site.person().stream(harm(), model="gpt")

    assert len(asked(site, "chat")) == 1  # asked meanwhile, and cancelled
    assert [event.name for event in events] == ["start", "decision", "token", "done"]
    assert "pipe" not in json.dumps([event.data for event in events])


def test_an_answer_streams_from_the_word_on(site: LiveSite, refusing: None) -> None:
    person = site.person()
    site.simulator.fault(call="chat", stall_after=3)
    with person.streaming(harmless(), model="gpt") as (_, events):
        message = next(event.data["message"] for event in events if event.name == "start")
        # The end needs the stop, so the token came before it.
        assert any(event.name == "token" for event in events)
        stopped = person.http.post(f"/api/v1/messages/{message}/stop/")

    assert stopped.json()["status"] == "stopped"
    assert stopped.json()["content"]


@pytest.mark.parametrize("delay", [0, 400])
def test_a_stored_answer_is_not_served_to_a_refused_prompt(
    site: LiveSite, composed: Compose, delay: float
) -> None:
    person, prompt = site.person(), harmless()
    known = person.ask(prompt)
    with composed(thresholds={"violence": 0.00005}):
        site.simulator.fault(call="moderation", headers_delay_ms=delay)
        events = person.stream(prompt)
    refused = events[-1].data

    assert text_of(events) == refused["content"] != known["content"]
    assert [event.name for event in events] == ["start", "decision", "token", "done"]
    assert guard_of(refused)["signals"] == ["moderation_violence"]
    assert refused["cache"]["outcome"] == "bypass"
    assert person.ask(prompt)["content"] == known["content"]


def test_a_flagged_prompt_is_answered_and_shared_with_nobody(
    site: LiveSite, composed: Compose
) -> None:
    person, prompt = site.person(), harmless()
    with composed(refuses=["none"], thresholds={"violence": 0.00005}):
        first, again = person.ask(prompt), person.ask(prompt)

    for answer in (first, again):
        assert answer["decision"]["action"] == "answer"
        assert guard_of(answer)["verdict"] == "flag"
        assert guard_of(answer)["signals"] == ["moderation_violence"]
        assert answer["cache"]["outcome"] == "miss"


def test_categories_that_do_not_refuse_flag(site: LiveSite, composed: Compose) -> None:
    with composed(refuses=["self-harm"]):
        flagged = site.person().ask(harm(), model="gpt")
        refused = site.person().ask("What is the best way to kill myself painlessly?", model="gpt")

    assert (flagged["decision"]["action"], guard_of(flagged)["verdict"]) == ("answer", "flag")
    assert (refused["decision"]["action"], guard_of(refused)["verdict"]) == ("refuse", "block")


DEAD: dict[str, Any] = {"drop": True}
AWAY = pytest.mark.parametrize(
    "how",
    [DEAD, {"headers_delay_ms": 3_000}, {"empty": True}, {"content_type": "text/html"}, {"status": 500}],
    ids=["dead", "slow", "empty", "page", "error"],
)  # fmt: skip


@AWAY
def test_without_the_provider_the_answer_is_flagged(
    site: LiveSite, composed: Compose, how: dict[str, Any]
) -> None:
    with composed(seconds=0.4):
        site.simulator.fault(call="moderation", **how)
        answer = site.person().ask(harmless())
        told = site.client().get("/metrics").text

    assert (answer["status"], guard_of(answer)["verdict"]) == ("complete", "flag")
    assert guard_of(answer)["signals"] == ["moderation_away"]
    assert [each["part"] for each in answer["degraded"]] == ["moderation"]
    assert 'assistant_degraded_total{part="moderation"}' in told
    assert 'assistant_moderations_total{outcome="away"}' in told


@AWAY
def test_without_the_provider_that_is_required_there_is_no_answer(
    site: LiveSite, composed: Compose, how: dict[str, Any]
) -> None:
    with composed(seconds=0.4, required=True):
        site.simulator.fault(call="moderation", **how)
        person, prompt = site.person(), harmless()
        whole, events = person.post_prompt(prompt), person.stream(prompt)

    assert (whole.status_code, whole.json()["code"]) == (503, "moderation_unavailable")
    assert whole.headers["Retry-After"] == str(whole.json()["retry_after"]) == "5"
    assert [event.name for event in events] == ["start", "error"]
    assert events[-1].data["code"] == "moderation_unavailable"


def test_an_open_circuit_is_not_waited_for(site: LiveSite, composed: Compose) -> None:
    with composed():
        site.simulator.fault(call="moderation", drop=True)
        signals = [guard_of(site.person().ask(harmless()))["signals"] for _ in range(8)]
        attempts = len(asked(site))

    assert signals == [["moderation_away"]] * 8
    assert attempts < 8


def test_a_long_prompt_is_looked_at_whole(site: LiveSite, refusing: None) -> None:
    filler = " ".join(f"heron{number}" for number in range(2_500))
    prompt = f"{filler} {harm()} {filler[:3_000]}"
    refused = site.person().ask(prompt, model="gpt")
    inputs = [text for one in asked(site) for text in one.body["input"]]

    assert guard_of(refused)["signals"] == SIGNALS
    assert len(inputs) == -(-(len(prompt) - 200) // 5_800)
    assert all(len(text) <= 6_000 for text in inputs)
    assert all(word in " ".join(inputs) for word in prompt.split())


# Every API, and each of its forms


def completed(person: Person, prompt: str, **body: Any) -> Any:
    body = {"model": "gpt", "messages": [{"role": "user", "content": prompt}], **body}
    return person.http.post("/v1/chat/completions", json=body)


def test_chat_completions(site: LiveSite, refusing: None) -> None:
    person = site.person()
    whole = completed(person, harm()).json()["choices"][0]
    streamed = completed(person, harm(), stream=True).text
    chunks = [
        json.loads(line[6:])["choices"][0]
        for line in streamed.splitlines()
        if line.startswith("data: {")
    ]
    text = "".join(chunk["delta"].get("content") or "" for chunk in chunks)

    assert whole["finish_reason"] == chunks[-1]["finish_reason"] == "content_filter"
    assert whole["message"]["content"] == text
    assert text.startswith("I can't help with this message")


def test_responses(site: LiveSite, refusing: None) -> None:
    person = site.person()
    for body in ({"input": harm()}, {"input": harm(), "store": False}):
        whole = person.http.post("/v1/responses", json={"model": "gpt", **body}).json()
        assert whole["output"][0]["content"][0]["text"].startswith("I can't help with this message")
    streamed = person.http.post(
        "/v1/responses", json={"model": "gpt", "input": harm(), "stream": True}
    ).text
    assert "I can't help with this message" in streamed
    assert len(asked(site)) == 3


def test_the_ai_sdk(site: LiveSite, refusing: None) -> None:
    said = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": harm()}]}
    body = {"id": uuid4().hex, "messages": [said], "trigger": "submit-message"}
    told = site.person().http.post("/api/chat", json=body).text

    assert "I can't help with this message" in told
    assert '"content-filter"' in told


def test_pictures_that_are_asked_for(site: LiveSite, refusing: None) -> None:
    person, body = site.person(), {"prompt": f"A poster that shows {harm()}", "n": 1}
    refused = person.http.post("/v1/images/generations", json=body)
    drawn = person.http.post("/v1/images/generations", json={"prompt": "A heron at dawn"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "moderation_blocked")
    assert drawn.status_code == 200
    assert len(asked(site, "image")) == 1
    assert len(asked(site)) == 2


def test_pictures_need_the_word_that_is_required(site: LiveSite, composed: Compose) -> None:
    with composed(required=True):
        site.simulator.fault(call="moderation", **DEAD)
        told = site.person().http.post("/v1/images/generations", json={"prompt": "A heron"})

    assert told.status_code == 503
    assert asked(site, "image") == []


def test_a_picture_that_the_rules_have_drawn(site: LiveSite, composed: Compose) -> None:
    with composed(thresholds={"violence": 0.00005}):
        refused = site.person().ask(f"Draw a picture of a heron {uuid4().hex}")

    assert refused["image"] is None
    assert guard_of(refused)["signals"] == ["moderation_violence"]
    assert asked(site, "image") == []


def picture(comment: str) -> str:
    """A PNG of one pixel, with a comment, as a ``data:`` address."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        (b"tEXt", b"Comment\0" + comment.encode()),
        (b"IDAT", zlib.compress(b"\0\0\0\0")),
        (b"IEND", b""),
    )
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def test_pictures_of_a_prompt_are_looked_at_one_by_one(site: LiveSite, refusing: None) -> None:
    person, address = site.person(), "https://example.org/herons.png"
    seen = [
        {"type": "text", "text": harmless()},
        {"type": "image_url", "image_url": {"url": address}},
        {"type": "image_url", "image_url": {"url": picture(HARM)}},
    ]
    messages = [{"role": "user", "content": seen}]
    refused = completed(person, "", messages=messages).json()["choices"][0]
    passed = completed(person, "", messages=[{"role": "user", "content": seen[:2]}]).json()

    assert refused["finish_reason"] == "content_filter"
    assert passed["choices"][0]["finish_reason"] == "stop"
    assert len(asked(site)) == 5
    kinds = [part["type"] for one in asked(site) for part in one.body["input"] if isinstance(part, dict)]  # fmt: skip
    assert kinds == ["image_url"] * 3
