"""Conversations, their messages, and what deleting one takes with it."""

from __future__ import annotations

import redis

from conversations.models import GeneratedImage, Message
from tests.live_site import LiveSite


def test_conversations_are_listed_newest_first_in_cursor_pages(site: LiveSite) -> None:
    person = site.person()
    opened = [person.open_conversation(f"Number {number}") for number in range(5)]
    page = person.http.get("/api/v1/conversations/", params={"page_size": 2}).json()
    listed = [item["id"] for item in page["results"]]
    while page["next"]:
        page = person.http.get(page["next"]).json()
        listed += [item["id"] for item in page["results"]]

    assert listed == opened[::-1]
    assert site.person().http.get("/api/v1/conversations/").json()["results"] == []


def test_a_conversation_is_read_and_renamed_by_its_owner_only(site: LiveSite) -> None:
    person, stranger = site.person(), site.person()
    path = f"/api/v1/conversations/{person.open_conversation('Old')}/"

    assert person.http.patch(path, json={"title": "New"}).json()["title"] == "New"
    assert person.http.get(path).json()["title"] == "New"
    assert person.http.patch(path, json={"title": "x" * 201}).status_code == 400
    for call in (stranger.http.get(path), stranger.http.delete(path),
                 stranger.http.patch(path, json={"title": "Mine"}),
                 stranger.post_prompt("Hello", conversation=path.split("/")[4])):  # fmt: skip
        assert call.status_code == 404
    assert person.http.get(path).json()["title"] == "New"


def test_messages_are_listed_oldest_first_with_ones_own_feedback(site: LiveSite) -> None:
    person = site.person()
    first = person.ask("Tell me about rivers.")
    second = person.ask("And about lakes?", conversation=first["conversation"])
    person.http.put(f"/api/v1/messages/{second['id']}/feedback/", json={"verdict": "good"})
    path = f"/api/v1/conversations/{first['conversation']}/messages/"
    listed = person.http.get(path).json()["results"]

    assert [item["role"] for item in listed] == ["user", "assistant", "user", "assistant"]
    assert listed[1] == first
    assert listed[0]["decision"] is None
    assert listed[3]["feedback"]["verdict"] == "good"


def test_the_first_prompt_names_a_conversation(site: LiveSite) -> None:
    person = site.person()
    conversation = person.ask("Tell me about rivers.")["conversation"]

    title = person.http.get(f"/api/v1/conversations/{conversation}/").json()["title"]
    assert title == "Tell me about rivers."


def test_deleting_takes_messages_pictures_memory_and_cached_answers(
    site: LiveSite, redis_url: str
) -> None:
    person = site.person()
    answer = person.ask("What is the tallest mountain on Earth?")
    conversation = answer["conversation"]
    drawn = person.ask("Draw a mountain at dawn", conversation=conversation)
    file = GeneratedImage.objects.get(message_id=drawn["id"]).file

    assert person.http.delete(f"/api/v1/conversations/{conversation}/").status_code == 204

    assert not Message.objects.filter(conversation_id=conversation).exists()
    assert not file.storage.exists(file.name or "")
    assert person.http.get(drawn["image"]["url"]).status_code == 404
    with redis.Redis.from_url(redis_url) as client:
        left = [key for key in client.scan_iter(b"*") if conversation.encode() in key
                or answer["id"].encode() in key]  # fmt: skip
    assert left == []
    again = person.ask("What is the tallest mountain on Earth?")
    assert again["cache"]["outcome"] == "miss"


def test_deleting_while_an_answer_is_written_ends_it(site: LiveSite) -> None:
    person = site.person()
    conversation = person.open_conversation()
    site.simulator.fault(provider="openai", match="long tale", token_delay_ms=50, times=3)
    with person.streaming("A long tale, please.", conversation=conversation, model="gpt") as (
        _,
        events,
    ):
        next(events)
        deleted = person.http.delete(f"/api/v1/conversations/{conversation}/")
        last = list(events)[-1]

    assert deleted.status_code == 204
    assert last.name in {"done", "error"}
