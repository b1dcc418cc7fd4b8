"""What goes with a deleted row, whoever deletes it: pictures' files, and what Redis holds."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction
from pytest_django import Settings

from conversations.adapters.answer_cache.entries import entry_key
from conversations.adapters.background import delivery
from conversations.adapters.memory import window_keys
from conversations.models import Conversation, GeneratedImage, Message
from conversations.runs.event_log import log_key
from conversations.storage import services
from routing.common.redis.clients import Breaker, sync_client
from tests.storage.conftest import Ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests delete without a Redis, and are given a moment for it."""
    monkeypatch.setattr(delivery, "_breaker", Breaker())


@pytest.fixture
def client(settings: Settings, redis_url: str) -> Iterator[redis.Redis]:
    """The Redis that deletions are told to, under a prefix of its own."""
    settings.REDIS_URL, settings.REDIS_PREFIX = redis_url, f"test-{uuid4().hex}"
    with sync_client(redis_url) as client:
        yield client


def left(client: redis.Redis, prefix: str) -> list[bytes]:
    return [key for key in client.scan_iter(f"*{prefix}*") if b":gone:" not in key]


def keep(client: redis.Redis, prefix: str, conversation: UUID, answer: UUID) -> None:
    """Write to every key of theirs."""
    for key in window_keys(prefix, conversation):
        client.set(key, b"1")
    client.hset(entry_key(prefix, answer), "answer", b"1")
    client.xadd(log_key(prefix, answer), {b"e": b"1"})


def draw(person: User, answer: UUID) -> Path:
    image = GeneratedImage(
        message_id=answer, owner=person, alt="A hare", width=1, height=1, media_type="image/png"
    )
    image.file.save("hare.png", ContentFile(b"hare"))
    return Path(image.file.path)


def test_a_deleted_person_leaves_nothing(
    ask: Ask, person: User, client: redis.Redis, settings: Settings
) -> None:
    files = []
    for begun in (ask("One?"), ask("Two?")):
        keep(client, settings.REDIS_PREFIX, begun.conversation, begun.message)
        files.append(draw(person, begun.message))
    others = entry_key(settings.REDIS_PREFIX, uuid4())
    client.set(others, b"1")
    assert len(left(client, settings.REDIS_PREFIX)) == 9

    person.delete()

    assert not any(file.exists() for file in files)
    assert left(client, settings.REDIS_PREFIX) == [others.encode()]


def test_so_does_a_conversation_by_whichever_way(
    ask: Ask, person: User, client: redis.Redis, settings: Settings
) -> None:
    by_service, by_query = ask("One?"), ask("Two?")
    files = [draw(person, begun.message) for begun in (by_service, by_query)]
    for begun in (by_service, by_query):
        keep(client, settings.REDIS_PREFIX, begun.conversation, begun.message)

    thread = Conversation.objects.get(pk=by_service.conversation)
    services.conversation_delete(conversation=thread)
    Conversation.objects.filter(pk=by_query.conversation).delete()

    assert not any(file.exists() for file in files)
    assert left(client, settings.REDIS_PREFIX) == []


def test_a_deletion_that_is_rolled_back_takes_nothing(
    ask: Ask, person: User, client: redis.Redis, settings: Settings
) -> None:
    begun = ask()
    keep(client, settings.REDIS_PREFIX, begun.conversation, begun.message)
    file = draw(person, begun.message)
    with transaction.atomic():
        person.delete()
        transaction.set_rollback(True)

    assert file.exists()
    assert len(left(client, settings.REDIS_PREFIX)) == 4


def test_without_redis_the_rows_go_all_the_same(ask: Ask, person: User, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.REDIS_URL = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    begun = ask()
    file = draw(person, begun.message)
    person.delete()

    assert not Message.objects.filter(pk=begun.message).exists()
    assert not file.exists()


def test_a_file_that_is_gone_already_is_no_trouble(
    ask: Ask, person: User, client: redis.Redis
) -> None:
    file = draw(person, ask().message)
    file.unlink()
    person.delete()

    assert not GeneratedImage.objects.filter(alt="A hare", owner_id=person.pk).exists()
