"""Erasure, proven: all of Redis is read, and nothing of what was deleted is found."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
import redis
from django.conf import settings

from conversations.adapters.background import delivery
from conversations.bootstrap import container
from conversations.engine.events import Token
from conversations.feedback.reviews import entry_ids
from conversations.models import Conversation, CuratedAnswer, Message, OwedWork
from conversations.runs.event_log import LogEntry
from routing.common.redis.clients import sync_client
from routing.domain.rules import CachePolicy
from routing.models import Rule
from routing.publishing.services import ruleset_publish
from tests.api.scan import redis_texts
from tests.live_site import LiveSite


@pytest.fixture
def client(site: LiveSite) -> Iterator[redis.Redis]:
    with sync_client(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(params=["user", "shared"])
def policy(site: LiveSite, request: pytest.FixtureRequest) -> Iterator[str]:
    """Answers that are kept for their person, or for everybody."""
    rule = Rule.objects.get(name="general")
    rule.cache = CachePolicy(request.param)
    rule.save()
    ruleset_publish(by=None)
    yield request.param
    site.publish_defaults()


def everything(client: redis.Redis) -> bytes:
    """All keys and values of a Redis, whatever their types, as one text."""
    return "\n".join(text for _, text in redis_texts(client)).encode()


def traces(client: redis.Redis, word: str, *messages: str) -> list[str]:
    """What of a conversation is in Redis: the word that was said in it, ids of its messages."""
    held = everything(client)
    ids = [str(entry) for one in messages for entry in entry_ids().both(UUID(one))]
    return [trace for trace in (word, *ids) if trace.encode() in held]


def said(site: LiveSite) -> tuple[str, str, list[str]]:
    """Ask about a word that nobody ever said, and once more; returns it, the conversation and the
    answers."""
    person, word = site.person(), f"zibble{uuid4().hex[:12]}"
    first = person.ask(f"What does the word {word} mean?")
    follow = person.ask("And where does it come from?", conversation=first["conversation"])
    return word, first["conversation"], [first["id"], follow["id"]]


def test_a_deleted_conversation(site: LiveSite, client: redis.Redis, policy: str) -> None:
    word, conversation, answers = said(site)
    assert word in traces(client, word, *answers)
    owner = Conversation.objects.get(pk=conversation).owner
    assert (
        site.person(owner).http.delete(f"/api/v1/conversations/{conversation}/").status_code == 204
    )

    assert traces(client, word, *answers) == []


def test_a_deleted_message(site: LiveSite, client: redis.Redis, policy: str) -> None:
    word, _, answers = said(site)
    for message in Message.objects.filter(pk__in=answers):
        assert message.answers
        message.answers.delete()  # the prompt, and its answer with it

    assert traces(client, word, *answers) == []


def test_a_deleted_person_with_what_was_curated_from_theirs(
    site: LiveSite, client: redis.Redis, policy: str
) -> None:
    word, conversation, answers = said(site)
    key = f"{settings.REDIS_PREFIX}:answer:{uuid4()}"
    client.hset(key, mapping={"question": f"What is {word}?"})
    CuratedAnswer.objects.create(
        entry=key.rpartition(":")[2], question=word, answer=word, source_id=answers[0]
    )
    Conversation.objects.get(pk=conversation).owner.delete()

    assert traces(client, word, *answers) == []
    assert not client.exists(key)


def test_a_redis_that_was_away_is_told_later(
    site: LiveSite, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, conversation, answers = said(site)
    monkeypatch.setattr(delivery, "deliver", lambda **_: False)
    Conversation.objects.filter(pk=conversation).delete()
    assert word in traces(client, word, *answers)
    assert OwedWork.objects.filter(subject=conversation).exists()
    monkeypatch.undo()

    assert delivery.deliver()
    assert traces(client, word, *answers) == []
    assert not OwedWork.objects.filter(subject=conversation).exists()


def test_a_log_that_is_written_on_after_the_deletion(site: LiveSite, client: redis.Redis) -> None:
    word, conversation, answers = said(site)
    log, message = container().runs.log, UUID(answers[0])
    Conversation.objects.filter(pk=conversation).delete()
    site.run(log.write([LogEntry(message, 1, [Token(word)])]))
    assert word in traces(client, word)

    site.run(log.release(message))
    assert traces(client, word, *answers) == []
