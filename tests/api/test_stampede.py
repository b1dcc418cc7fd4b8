"""The same question by many at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from assistant_site.simulator.call import RecordedRequest
from tests.live_site import Event, LiveSite, Person, text_of

MANY = 8


def question() -> str:
    return f"What does the word zibble{uuid4().hex[:10]} mean?"


def chats(site: LiveSite, prompt: str) -> list[RecordedRequest]:
    """The calls that answered, not those that classified."""
    return [call for call in site.simulator.requests if call.call == "chat" and asks(call, prompt)]


def asks(call: RecordedRequest, prompt: str) -> bool:
    body = json.dumps(call.body, ensure_ascii=False)
    return prompt in body and "<prompt>" not in body


def at_once(people: list[Person], prompt: str) -> list[list[Event]]:
    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(lambda person: person.stream(prompt), people))


def slow(site: LiveSite, **more: Any) -> None:
    site.simulator.fault(call="chat", token_delay_ms=10, first_token_delay_ms=300, **more)


def assert_whole(events: list[Event]) -> None:
    names = [event.name for event in events]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert (names[0], names[-1], names.count("decision")) == ("start", "done", 1)
    assert text_of(events) == events[-1].data["content"] != ""


def test_many_people_ask_a_provider_once(shared: LiveSite) -> None:
    prompt = question()
    slow(shared)
    streams = at_once([shared.person() for _ in range(MANY)], prompt)

    for events in streams:
        assert_whole(events)
    assert len({events[-1].data["content"] for events in streams}) == 1
    assert len(chats(shared, prompt)) == 1
    followers = [events[-1].data for events in streams if events[-1].data["cache"]["entry"]]
    assert len(followers) == MANY - 1
    assert {done["decision"]["source"] for done in followers} == {"cache"}
    (entry,) = {done["cache"]["entry"] for done in followers}
    assert shared.person().ask(prompt)["cache"]["entry"] == entry  # what was kept afterwards


def test_one_person_in_many_conversations_does_too(site: LiveSite) -> None:
    prompt, person = question(), site.person()
    slow(site)
    for events in at_once([site.person(person.user) for _ in range(MANY)], prompt):
        assert_whole(events)
    assert len(chats(site, prompt)) == 1


def test_people_whose_answers_are_their_own_are_answered_each(site: LiveSite) -> None:
    prompt = question()
    slow(site)
    for events in at_once([site.person() for _ in range(3)], prompt):
        assert_whole(events)
        assert events[-1].data["cache"]["outcome"] == "miss"
    assert len(chats(site, prompt)) == 3


def test_when_the_first_is_stopped_one_other_takes_over(shared: LiveSite) -> None:
    prompt, ada = question(), shared.person()
    # Before the answer begins: their passwords take longer than it does.
    people = [shared.person() for _ in range(MANY - 1)]
    slow(shared)
    with (
        ada.streaming(prompt) as (_, events),
        ThreadPoolExecutor(MANY) as pool,
    ):
        started = next(events)
        next(event for event in events if event.name == "token")
        waiting = [pool.submit(person.stream, prompt) for person in people]
        shared.simulator.wait_for(lambda _: all(future.running() for future in waiting), 10)
        ada.http.post(f"/api/v1/messages/{started.data['message']}/stop/")
        others = [future.result(30) for future in waiting]

    for stream in others:
        assert_whole(stream)
    assert len(chats(shared, prompt)) == 2
    assert len({stream[-1].data["content"] for stream in others}) == 1


def test_when_the_first_fails_one_other_takes_over(shared: LiveSite) -> None:
    prompt = question()
    for provider in ("openai", "anthropic"):
        shared.simulator.fault(
            provider=provider, call="chat", match=prompt, status=400, headers_delay_ms=300, times=1
        )
    slow(shared, match=prompt)
    streams = at_once([shared.person() for _ in range(MANY)], prompt)

    ends = [events[-1].name for events in streams]
    assert sorted(ends) == ["done"] * (MANY - 1) + ["error"]
    for events in streams:
        if events[-1].name == "done":
            assert_whole(events)
    assert len(chats(shared, prompt)) == 3  # two that failed the first, one that answered the rest
