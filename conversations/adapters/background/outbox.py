"""What Redis is owed: told at once where it listens, and until it does kept in the database.

A deletion or a verdict writes its debt in its own transaction (``OwedWork``), so neither a Redis that is
away nor a process that ends loses it. Everything here may be told twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import transaction

from conversations.adapters.answer_cache.entries import entry_key
from conversations.adapters.answer_cache.exact import FORGET
from conversations.adapters.memory.redis_memory import window_keys
from conversations.feedback.reviews import entry_ids, standing_settle
from conversations.feedback.weights import Standing
from conversations.models import AnswerReview, OwedWork
from conversations.runs.event_log import gone_key, log_key
from routing.common.redis.clients import Breaker, redis_call, sync_client
from routing.domain.errors import CacheUnavailable

_log = structlog.get_logger("assistant.owed")

AT_ONCE = 500
"""Debts paid in one round, and keys deleted by one command."""

GONE_SECONDS = 300
"""How long it is remembered that an answer was deleted: longer than its run lives on."""

Kind = OwedWork.Kind
BY_WORKERS = (Kind.CURATE,)
"""What takes an embedding, and is left to the workers."""

# Writing to an entry that has expired would bring it back as a stump without an end.
_STAND = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
return redis.call('HSET', KEYS[1], unpack(ARGV))
"""

# A deletion of many must not wait for a dead Redis once for each.
_breaker = Breaker()


class _Pending(threading.local):
    """Whether this thread's transaction owes something already: one payment follows it."""

    due = False


_pending = _Pending()


def owe(kind: OwedWork.Kind, subjects: Iterable[UUID], *, using: str = "default") -> None:
    """Note debts in the transaction under way; they are paid when it is committed, if Redis listens."""
    OwedWork.objects.using(using).bulk_create(
        OwedWork(kind=kind, subject=subject) for subject in subjects
    )
    _pending.due = True

    def pay_once() -> None:
        # The first of a transaction pays for all; a savepoint's that is rolled back is forgotten.
        if _pending.due:
            _pending.due = False
            pay(using=using)

    transaction.on_commit(pay_once, using=using, robust=True)


def pay(*, using: str = "default") -> bool:
    """Tell Redis what it is owed; ``False`` when it does not listen, and the debts stay."""
    while debts := list(
        OwedWork.objects.using(using).exclude(kind__in=BY_WORKERS).order_by("id")[:AT_ONCE]
    ):
        try:
            with (
                redis_call(_breaker, CacheUnavailable),
                closing(sync_client(settings.REDIS_URL)) as client,
            ):
                _tell(client, debts)
        except CacheUnavailable as exc:
            _log.warning("Redis is owed", debts=len(debts), error=str(exc))
            return False
        OwedWork.objects.using(using).filter(pk__in=[debt.pk for debt in debts]).delete()
    return True


def _tell(client: redis.Redis, debts: Sequence[OwedWork]) -> None:
    prefix = settings.REDIS_PREFIX
    for message in _subjects(debts, Kind.FORGET_ANSWER):
        # A run that ends just now may write its last events after this.
        client.set(gone_key(prefix, message), b"1", ex=GONE_SECONDS)
    for kind, keys in _KEYS.items():
        gone = [key for subject in _subjects(debts, kind) for key in keys(prefix, subject)]
        for start in range(0, len(gone), AT_ONCE):
            client.unlink(*gone[start : start + AT_ONCE])
    for kind, entries in _ENTRIES.items():
        kept = [entry for subject in _subjects(debts, kind) for entry in entries(subject)]
        for start in range(0, len(kept), AT_ONCE):
            few = [entry_key(prefix, entry) for entry in kept[start : start + AT_ONCE]]
            client.eval(FORGET, len(few), *few)
    for subject in _subjects(debts, Kind.STANDING):
        settled = standing_settle(subject=subject)
        if settled:
            _tell_standing(client, prefix, *settled)


def _subjects(debts: Iterable[OwedWork], kind: OwedWork.Kind) -> Collection[UUID]:
    return dict.fromkeys(debt.subject for debt in debts if debt.kind == kind)


def _thread_keys(prefix: str, thread: UUID) -> tuple[str, ...]:
    return window_keys(prefix, thread)


def _answer_keys(prefix: str, message: UUID) -> tuple[str, ...]:
    return (log_key(prefix, message),)


def _answer_entries(message: UUID) -> tuple[UUID, ...]:
    return entry_ids().both(message)


def _entry(entry: UUID) -> tuple[UUID, ...]:
    return (entry,)


_KEYS: dict[OwedWork.Kind, Callable[[str, UUID], tuple[str, ...]]] = {
    Kind.FORGET_THREAD: _thread_keys,
    Kind.FORGET_ANSWER: _answer_keys,
}
_ENTRIES: dict[OwedWork.Kind, Callable[[UUID], tuple[UUID, ...]]] = {
    Kind.FORGET_ANSWER: _answer_entries,
    Kind.FORGET_ENTRY: _entry,
}


def _tell_standing(
    client: redis.Redis, prefix: str, review: AnswerReview, stands: Standing
) -> None:
    subject = review.subject
    entries = entry_ids().both(subject) if subject.version == 7 else (subject,)
    tell_standing(client, prefix, entries, state=review.state, stands=stands)


def tell_standing(
    client: redis.Redis, prefix: str, entries: Iterable[UUID], *, state: str, stands: Standing
) -> None:
    """Write how an answer stands to those of its entries that are there. Raises redis-py's errors."""
    fields: dict[str, str | float] = {
        "state": state,
        "good": stands.good,
        "bad": stands.bad,
        "penalty": stands.penalty,
        "hidden": ",".join(map(str, stands.hidden_from)),
    }
    flat = [part for pair in fields.items() for part in pair]
    for entry in entries:
        client.eval(_STAND, 1, entry_key(prefix, entry), *flat)
