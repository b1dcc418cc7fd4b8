"""Delivery of the outbox: applies its rows to Redis after their commit. A delivery may be repeated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from conversations.adapters.answer_cache.chat_entries import chat_entries, chat_entries_key
from conversations.adapters.answer_cache.entries import entry_key, forget_commands
from conversations.adapters.background.outbox import Kind, enqueue
from conversations.adapters.decision_vectors.index import forget_verdicts
from conversations.adapters.limits import limit_keys
from conversations.adapters.memory import window_keys
from conversations.adapters.tool_calls import calls_key
from conversations.db.access import in_database
from conversations.feedback.reviews import entry_ids, review_reweigh
from conversations.feedback.weights import VerdictWeights
from conversations.models import CuratedAnswer, OwedWork
from conversations.runs.direct import person_results
from conversations.runs.event_log import gone_key, log_key
from conversations.runs.joining import chats_key, person_chats
from routing.common.redis.clients import Breaker, redis_call, sync_client
from routing.common.tasks import Background
from routing.domain.errors import CacheUnavailable, DependencyUnavailable

if TYPE_CHECKING:
    from conversations.adapters.answer_cache.cache import RedisAnswerCache
    from routing.embeddings.port import Embedder

_log = structlog.get_logger("assistant.owed")

BATCH = 500
"""Rows delivered in one round, and keys deleted by one command."""
CURATE_BATCH = 50

DELIVER_SECONDS = 2.0
"""Between two rounds of the worker."""

GONE_SECONDS = 300
"""How long the deletion of an answer is remembered: longer than its run lives on."""

BY_WORKERS = (Kind.CURATE, Kind.ERASE)
"""Kinds that need an embedding or take long, and are left to the workers."""

# Writing to an entry that has expired would bring it back as a stump without an end.
_SET_STANDING = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
return redis.call('HSET', KEYS[1], unpack(ARGV))
"""

# A deletion of many must not wait for a dead Redis once for each.
_breaker = Breaker()


def deliver(*, using: str = "default") -> bool:
    """Do the work of all rows; ``False`` when Redis does not answer, and the rows stay."""
    while rows := list(
        OwedWork.objects.using(using).exclude(kind__in=BY_WORKERS).order_by("id")[:BATCH]
    ):
        try:
            with (
                redis_call(_breaker, CacheUnavailable),
                closing(sync_client(settings.REDIS_URL)) as client,
            ):
                _apply(client, rows)
        except CacheUnavailable as exc:
            _log.warning("Redis is owed", debts=len(rows), error=str(exc))
            return False
        # Only now: a process that ends before this delivers them again.
        OwedWork.objects.using(using).filter(pk__in=[row.pk for row in rows]).delete()
    return True


def _apply(client: redis.Redis, rows: Sequence[OwedWork]) -> None:
    prefix = settings.REDIS_PREFIX
    people = [subject.int for subject in _subjects(rows, Kind.FORGET_PERSON)]
    chats = [chat for person in people for chat in person_chats(client, prefix, person)]
    for chat in chats:
        client.set(log_key(prefix, chat, "stop"), b"1", ex=GONE_SECONDS)
    answers = [*_subjects(rows, Kind.FORGET_ANSWER), *chats]
    for message in answers:
        # A run that ends just now may write its last events after this.
        client.set(gone_key(prefix, message), b"1", ex=GONE_SECONDS)
    threads = _subjects(rows, Kind.FORGET_THREAD)
    entries = [entry for message in answers for entry in entry_ids().every(message)]
    # Before the register of them is deleted.
    entries += [entry for person in people for entry in chat_entries(client, prefix, person)]
    entries += _subjects(rows, Kind.FORGET_ENTRY)
    keys: list[str | bytes] = [key for thread in threads for key in window_keys(prefix, thread)]
    keys += [log_key(prefix, message) for message in answers]
    for person in people:
        keys += [*limit_keys(prefix, person), chats_key(prefix, person), calls_key(prefix, person)]
        keys += person_results(client, prefix, person)
        keys.append(chat_entries_key(prefix, person))
    for start in range(0, len(keys), BATCH):
        client.unlink(*keys[start : start + BATCH])
    _forget_entries(client, prefix, entries)
    # After the deletions: an entry that is gone has no standing.
    for subject in _subjects(rows, Kind.STANDING):
        settled = review_reweigh(subject=subject)
        if settled:
            review, standing = settled
            ids = entry_ids().both(subject) if subject.version == 7 else (subject,)
            set_standing(client, prefix, ids, state=review.state, standing=standing)


def _forget_entries(client: redis.Redis, prefix: str, entries: Sequence[UUID]) -> None:
    """Delete the entries, and the verdicts: one has an id that an entry of its answer would have."""
    for command in forget_commands(prefix, entries):
        client.eval(*command)
    for start in range(0, len(entries), BATCH):
        forget_verdicts(client, prefix, entries[start : start + BATCH])


def _subjects(rows: Iterable[OwedWork], kind: OwedWork.Kind) -> Collection[UUID]:
    return dict.fromkeys(row.subject for row in rows if row.kind == kind)


def set_standing(
    client: redis.Redis,
    prefix: str,
    entries: Iterable[UUID],
    *,
    state: str,
    standing: VerdictWeights,
) -> None:
    """Write the weight of the verdicts to those of an answer's entries that exist. Raises redis-py's
    errors."""
    fields: dict[str, str | float] = {
        "state": state,
        "good": standing.good,
        "bad": standing.bad,
        "penalty": standing.penalty,
        "hidden": ",".join(map(str, standing.hidden_from)),
    }
    flat = [part for pair in fields.items() for part in pair]
    for entry in entries:
        client.eval(_SET_STANDING, 1, entry_key(prefix, entry), *flat)


class OutboxWorker:
    """Outbox worker: delivers the rows that were not delivered after their commit."""

    def __init__(self, cache: RedisAnswerCache, embedder: Embedder, background: Background) -> None:
        self._cache, self._embedder, self._background = cache, embedder, background

    def start(self) -> None:
        """Deliver from now on, until the background work is closed."""
        self._background.every("outbox", self._deliver, seconds=DELIVER_SECONDS)

    async def forget(self, conversation: UUID, answers: Sequence[UUID]) -> None:
        """Delete the memory and the answers that a run wrote after the deletion of its conversation."""
        await in_database(_enqueue_deleted, conversation, answers)

    async def _deliver(self) -> None:
        try:
            await in_database(deliver)
            await self.curate()
        except (DatabaseError, DependencyUnavailable) as exc:
            _log.warning("debts are left for later", error=f"{type(exc).__name__}: {exc}")

    async def curate(self) -> None:
        """Put the review queue's answers into the cache. Raises ``DependencyUnavailable``."""
        for row, curated in await in_database(_to_curate):
            # Without its row the answer was deleted meanwhile.
            if curated:
                vector = await self._embedder.embed(curated.question)
                await self._cache.warm(curated.question, curated.answer, vector)
            await in_database(row.delete)


def _enqueue_deleted(conversation: UUID, answers: Sequence[UUID]) -> None:
    with transaction.atomic():
        enqueue(Kind.FORGET_THREAD, [conversation])
        enqueue(Kind.FORGET_ANSWER, answers)


def _to_curate() -> list[tuple[OwedWork, CuratedAnswer | None]]:
    rows = list(OwedWork.objects.filter(kind=Kind.CURATE).order_by("id")[:CURATE_BATCH])
    answers = CuratedAnswer.objects.in_bulk([row.subject for row in rows])
    return [(row, answers.get(row.subject)) for row in rows]
