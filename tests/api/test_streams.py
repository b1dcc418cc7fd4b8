"""Continuing, replaying and stopping an answer, and asking twice with one key."""

from __future__ import annotations

import uuid

import pytest

from conversations.models import Message
from tests.live_site import LiveSite, events_of, text_of

STORY = "Write a story about a night train."


def stream_of(person: object, message: str, **headers: str) -> str:
    response = person.http.get(  # type: ignore[attr-defined]
        f"/api/v1/messages/{message}/stream/",
        headers={"Accept": "text/event-stream", **headers},
    )
    assert response.status_code == 200, response.text
    return str(response.text)


def test_a_finished_answer_replays_byte_for_byte(site: LiveSite) -> None:
    person = site.person()
    told = person.post_prompt(STORY, accept="text/event-stream").text
    message = events_of(told)[0].data["message"]
    asked = len(site.simulator.requests)

    assert stream_of(person, message) == told
    assert len(site.simulator.requests) == asked


def test_a_stream_goes_on_after_any_event(site: LiveSite) -> None:
    person = site.person()
    told = person.post_prompt(STORY, accept="text/event-stream").text
    events = events_of(told)
    message = events[0].data["message"]

    for position in (1, len(events) // 2, len(events) - 1, len(events)):
        rest = stream_of(person, message, **{"Last-Event-ID": str(position)})
        assert events_of(rest) == events[position:]


def test_a_position_beyond_the_end_is_400(site: LiveSite) -> None:
    person = site.person()
    message = person.ask(STORY)["id"]
    response = person.http.get(f"/api/v1/messages/{message}/stream/?after=9999")

    assert response.status_code == 400
    assert response.json()["code"] == "invalid"


@pytest.mark.parametrize(
    ("header", "after"), [("0", "-1"), ("-1", "0"), ("0", "x"), ("1e3", "0"), ("0", "")]
)
def test_a_position_that_is_no_number_is_400(site: LiveSite, header: str, after: str) -> None:
    person = site.person()
    message = person.ask(STORY)["id"]
    url = f"/api/v1/messages/{message}/stream/?after={after}"

    assert person.http.get(url, headers={"Last-Event-ID": header}).status_code == 400


def test_a_client_that_leaves_finds_the_answer_whole(site: LiveSite) -> None:
    person = site.person()
    site.simulator.fault(match="night train", token_delay_ms=5, times=5)
    with person.streaming(STORY) as (_, events):
        message = next(events).data["message"]
    events_later = events_of(stream_of(person, message))

    assert events_later[-1].name == "done"
    assert events_later[-1].data["status"] == "complete"
    assert text_of(events_later) == events_later[-1].data["content"]


def test_stop_keeps_the_text_and_closes_the_provider_call(site: LiveSite) -> None:
    person = site.person()
    site.simulator.fault(provider="openai", match="night train", token_delay_ms=100, times=5)
    with person.streaming(STORY, model="gpt") as (_, events):
        message = next(events).data["message"]
        assert next(event for event in events if event.name == "token")
        stopped = person.http.post(f"/api/v1/messages/{message}/stop/")
        rest = list(events)

    assert stopped.status_code == 200
    assert stopped.json()["status"] == "stopped"
    assert stopped.json()["content"] != ""
    assert rest[-1].name == "done"
    assert rest[-1].data["status"] == "stopped"
    assert person.http.get(f"/api/v1/messages/{message}/").json() == rest[-1].data
    generation = site.simulator.requests[-1]
    assert generation.closed_early
    assert person.http.post(f"/api/v1/messages/{message}/stop/").json() == stopped.json()


def test_one_answer_at_a_time_in_a_conversation(site: LiveSite) -> None:
    person = site.person()
    conversation = person.open_conversation()
    site.simulator.fault(provider="openai", match="night train", token_delay_ms=50, times=5)
    with person.streaming(STORY, conversation=conversation, model="gpt") as (_, events):
        running = next(events).data["message"]
        busy = person.post_prompt("And then?", conversation=conversation)
        person.http.post(f"/api/v1/messages/{running}/stop/")

    assert busy.status_code == 409
    assert busy.json()["code"] == "conversation_busy"
    assert busy.json()["message"] == running


def test_the_same_key_gives_the_same_answer(site: LiveSite) -> None:
    person = site.person()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = person.post_prompt(STORY, headers=key, accept="text/event-stream")
    asked = len(site.simulator.requests)
    again = person.post_prompt(STORY, headers=key, accept="text/event-stream")
    other = person.post_prompt("Another story.", headers=key)
    stranger = site.person().post_prompt(STORY, headers=key)

    assert again.text == first.text
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert "idempotency-replayed" not in stranger.headers
    assert asked < len(site.simulator.requests)  # the stranger's own


@pytest.mark.parametrize("key", ["k" * 256, f'"{"k" * 254}"'], ids=["bare", "quoted"])
def test_a_key_is_bounded_with_its_quotation_marks(site: LiveSite, key: str) -> None:
    person = site.person()
    refused = person.post_prompt(STORY, headers={"Idempotency-Key": key})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    body = {"model": "assistant", "messages": [{"role": "user", "content": STORY}]}
    headers = {"Idempotency-Key": key}
    assert person.http.post("/v1/chat/completions", json=body, headers=headers).status_code == 400


def test_a_second_with_the_same_key_joins_the_running_stream(site: LiveSite) -> None:
    person = site.person()
    key = {"Idempotency-Key": "join-me"}
    site.simulator.fault(provider="openai", match="night train", token_delay_ms=10, times=5)
    body = {"content": STORY, "model": "gpt"}
    with person.http.stream(
        "POST", "/api/v1/messages/", json=body, headers={"Accept": "text/event-stream", **key}
    ) as first:
        lines = first.iter_text()
        told = next(lines)
        joined = person.post_prompt(STORY, headers=key, accept="text/event-stream", model="gpt")
        told += "".join(lines)

    assert joined.text == told
    assert joined.headers["idempotency-replayed"] == "true"
    assert Message.objects.filter(conversation__owner=person.user, role="assistant").count() == 1


def test_somebody_elses_answer_is_not_found(site: LiveSite) -> None:
    message = site.person().ask(STORY)["id"]
    stranger = site.person()

    for call in (
        stranger.http.get(f"/api/v1/messages/{message}/"),
        stranger.http.get(f"/api/v1/messages/{message}/stream/"),
        stranger.http.post(f"/api/v1/messages/{message}/stop/"),
        stranger.http.put(f"/api/v1/messages/{message}/feedback/", json={"verdict": "good"}),
    ):
        assert call.status_code == 404
        assert call.json()["code"] == "not_found"
