"""The end of an answer does not wait for work that only later questions need."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.conf import settings

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.answer_cache.entries import entry_key, forget_commands
from conversations.bootstrap import container
from conversations.engine.types import Vector
from conversations.runs import lifecycle
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite

QUESTION = "Why do pear trees lean to the east?"


@pytest.fixture
def cache(site: LiveSite) -> RedisAnswerCache:
    return container().cache


@pytest.fixture
def release(cache: RedisAnswerCache, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds the embedding of answers, not of questions, until it is set."""
    embed, released = cache._embed, threading.Event()
    assert embed

    async def held(text: str) -> Vector:
        await asyncio.to_thread(released.wait, 10)
        return await embed(text)

    monkeypatch.setattr(cache, "_embed", held)
    yield released
    released.set()


def signature_of(entry: str) -> bytes | None:
    with sync_client(settings.REDIS_URL) as redis:
        signature: bytes | None = redis.hget(entry_key(settings.REDIS_PREFIX, entry), "says")
    return signature


def test_the_end_is_told_before_the_answer_is_signed(
    site: LiveSite, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "WRITE_BACK_SECONDS", 20.0)
    person = site.person()
    events = person.stream(QUESTION)
    again = person.ask(QUESTION)

    assert events[-1].name == "done"
    assert again["cache"]["outcome"] == "exact"
    entry = again["cache"]["entry"]
    assert signature_of(entry) == b""
    release.set()
    site.run(container().background.wait("follow-ups"))
    assert signature_of(entry)


def test_an_entry_that_was_deleted_before_it_was_signed_stays_deleted(
    site: LiveSite, release: threading.Event
) -> None:
    person = site.person()
    person.stream(QUESTION)
    entry = person.ask(QUESTION)["cache"]["entry"]
    (command,) = forget_commands(settings.REDIS_PREFIX, [UUID(entry)])
    with sync_client(settings.REDIS_URL) as redis:
        assert redis.eval(*command) == 1
    release.set()
    site.run(container().background.wait("follow-ups"))

    assert signature_of(entry) is None
