"""Erasure of people in the background, and at once where there is little to delete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from itertools import islice
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError

from conversations.adapters.answer_cache.chat_entries import chat_entries
from conversations.adapters.answer_cache.entries import entry_key
from conversations.db.access import in_database, written
from conversations.feedback.reviews import entry_ids
from conversations.models import Message
from conversations.runs.event_log import log_key
from conversations.storage import erasure
from conversations.storage.responses import purge_expired
from routing.common.redis.clients import Breaker, redis_call, sync_client
from routing.common.tasks import Background
from routing.domain.errors import CacheUnavailable

_log = structlog.get_logger("assistant.erasure")

ERASE_SECONDS = 2.0
"""Between two looks for people who are to be erased."""
PURGE_SECONDS = 60.0
"""Between two looks for stored responses whose time is over."""
PAUSE_SECONDS = 0.01
"""Between two transactions: other work of the process goes first."""
STOP_SECONDS = 3.0
"""How long running answers may take to end before they are deleted as they are."""
AT_ONCE_SECONDS = 3.0
"""Deleted by the request itself in this time, or else in the background."""
STOP_REQUEST_SECONDS = 600
CHUNK = 500


class ErasureWorker:
    """Deletes the rows of erased people, a batch at a time. Workers of all processes may run side by
    side."""

    def __init__(self, background: Background) -> None:
        self._background = background

    def start(self) -> None:
        """Erase from now on, until the background work is closed."""
        self._background.every("erasure", self._erase, seconds=ERASE_SECONDS)
        self._background.every("expired responses", self._purge, seconds=PURGE_SECONDS)

    async def _erase(self) -> None:
        try:
            for user in await in_database(erasure.erasures_begun):
                await self._erase_one(user)
        except DatabaseError as exc:
            _log.warning("an erasure goes on later", error=f"{type(exc).__name__}: {exc}")

    async def _purge(self) -> None:
        try:
            await written(purge_expired)
        except DatabaseError as exc:
            _log.warning("responses are purged later", error=f"{type(exc).__name__}: {exc}")

    async def _erase_one(self, user: int) -> None:
        more = True
        while more:
            more = await written(erasure.erase_batch, user=user)
            await asyncio.sleep(PAUSE_SECONDS)


def erase(user: int, *, seconds: float | None) -> bool:
    """Deactivate an account, stop its answers and delete its rows. Returns whether it is done after
    ``seconds``; workers go on where it is not. Raises ``LastAdministrator``, unless it waits to the end
    (``None``), as a command does."""
    erasure.erasure_begin([user], keep_last_administrator=seconds is not None)
    deadline = time.monotonic() + (STOP_SECONDS if seconds is None else min(seconds, STOP_SECONDS))
    stop_answers(erasure.answers_of(user))
    while erasure.answers_of(user) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    end = None if seconds is None else time.monotonic() + seconds
    while not erasure.erasure_ended(user):
        if end is not None and time.monotonic() > end:
            return False
        if not erasure.erase_batch(user=user):
            time.sleep(PAUSE_SECONDS)
    return True


def stop_answers(messages: Collection[UUID]) -> None:
    """Ask the workers that write these answers to stop. Without Redis they end by themselves, and find
    nothing to store in."""
    if not messages:
        return
    with (
        suppress(CacheUnavailable),
        redis_call(Breaker(), CacheUnavailable),
        closing(sync_client(settings.REDIS_URL)) as client,
    ):
        for message in messages:
            key = log_key(settings.REDIS_PREFIX, message, "stop")
            client.set(key, b"1", ex=STOP_REQUEST_SECONDS)


def entry_count(users: Collection[int]) -> int | None:
    """How many entries of the answer cache were made from these people's questions, shared ones too;
    ``None`` without Redis."""
    answers = erasure.owned_rows(Message, users).filter(role=Message.Role.ASSISTANT)
    ids = answers.values_list("pk", flat=True).iterator(CHUNK)
    count = 0
    try:
        with (
            redis_call(Breaker(), CacheUnavailable),
            closing(sync_client(settings.REDIS_URL)) as client,
        ):
            for chunk in _chunks(ids):
                entries = [entry for one in chunk for entry in entry_ids().both(one)]
                count += client.exists(*(entry_key(settings.REDIS_PREFIX, one) for one in entries))
            for user in users:
                entries = chat_entries(client, settings.REDIS_PREFIX, user)
                count += sum(
                    client.exists(entry_key(settings.REDIS_PREFIX, one)) for one in entries
                )
    except CacheUnavailable:
        return None
    return count


def _chunks(ids: Iterator[UUID]) -> Iterator[list[UUID]]:
    while chunk := list(islice(ids, CHUNK)):
        yield chunk


def counts(users: Collection[int]) -> dict[str, int]:
    """What goes with these people, by name: rows of tables, and entries of the answer cache."""
    found = erasure.erasure_counts(users)
    entries = entry_count(users)
    return found | ({"answer cache entries": entries} if entries else {})
