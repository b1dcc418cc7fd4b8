"""States: the used and reserved amounts of limits, read in a thread; and their drift from the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import redis
from django.conf import settings
from django.db.models import Q

from conversations.domain.booking import Account
from conversations.models import LedgerEntry, Limit
from conversations.usage.counters import counter_key
from conversations.usage.key_makers import makers_of
from conversations.usage.limit_cache import EACH, LimitTable, subject_of, terms_of
from conversations.usage.sums import spent
from routing.common.redis.clients import Breaker, redis_call, sync_client
from routing.domain.errors import DependencyUnavailable
from routing.domain.limits import AppliedLimit, LimitScope, LimitUnit, window_end, window_name

_breaker = Breaker()


class CountersUnreadable(DependencyUnavailable):
    """Redis does not tell its counters."""

    part = "limits"


@dataclass(frozen=True, slots=True)
class LimitState:
    """A limit with its used and reserved amount, in the limit's own unit; ``counted``: by Redis."""

    limit: AppliedLimit
    used: int
    reserved: int
    counted: bool
    resets_at: datetime | None


def limits_of(account: Account, groups: frozenset[int]) -> list[AppliedLimit]:
    """The limits that hold for one account, by a query for them alone."""
    own = Q(scope=LimitScope.INSTALLATION) | Q(scope=LimitScope.GROUP, group__in=groups)
    own |= Q(scope=LimitScope.USER) & (Q(user=account.user) | Q(user=None))
    makers = makers_of(account.key) if account.key else ()
    own |= Q(scope=LimitScope.KEY) & (Q(key__in=[account.key, *makers]) | Q(key=None))
    table: dict[tuple[LimitScope, str], list[Any]] = {}
    for row in Limit.objects.filter(own, enabled=True).order_by("pk"):
        table.setdefault((LimitScope(row.scope), subject_of(row)), []).append(terms_of(row))
    return LimitTable(terms=table).applying(account, groups, makers)


def limit_states(limits: list[AppliedLimit], at: datetime, zone: ZoneInfo) -> list[LimitState]:
    """The used and reserved amount of each now. Without Redis it is counted from the ledger."""
    keys = [_key(limit, at, zone) for limit in limits]
    try:
        told = _read(keys)
    except CountersUnreadable:
        told = [(None, None, None)] * len(limits)
    return [_state(limit, at, zone, fields) for limit, fields in zip(limits, told, strict=True)]


def _key(limit: AppliedLimit, at: datetime, zone: ZoneInfo) -> str:
    return counter_key(settings.REDIS_PREFIX, limit, window_name(limit.terms, at, zone))


@contextmanager
def _counters() -> Iterator[redis.Redis]:
    """A client for the block. Raises ``CountersUnreadable``."""
    with (
        redis_call(_breaker, CountersUnreadable),
        closing(sync_client(settings.REDIS_URL)) as client,
    ):
        yield client


def _read(keys: list[str]) -> list[Any]:
    with _counters() as client:
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.hmget(key, ["e", "u", "h"])
        return pipe.execute()


def _state(limit: AppliedLimit, at: datetime, zone: ZoneInfo, fields: Any) -> LimitState:
    seed, used, held = fields
    counted = bool(seed) and not limit.terms.slides
    if limit.terms.unit is LimitUnit.CONCURRENT:
        sums = 0
    else:
        # A sliding window is counted here: its counter leaves out what has left it when it is next used.
        sums = int(used or 0) if counted else sum(spent(limit, at, zone).values())
    return LimitState(limit, sums, int(held or 0), counted, window_end(limit.terms, at, zone))


@dataclass(frozen=True, slots=True)
class Drift:
    """A counter that differs from the ledger."""

    limit: AppliedLimit
    counter: int
    ledger: int


def drifts(at: datetime, zone: ZoneInfo, *, most: int | None = None) -> Iterator[Drift]:
    """Each counter of a budget that differs from the ledger, for ``most`` subjects of a limit. Runs under way are
    reserved, not used; of those that end meanwhile the ledger before and after tells."""
    for row in Limit.objects.filter(enabled=True).order_by("pk").iterator(500):
        terms = terms_of(row)
        if not terms.is_budget:
            continue
        for subject in islice(_subjects(row), most):
            limit = AppliedLimit(terms, subject)
            (state,) = limit_states([limit], at, zone)
            booked = sum(spent(limit, at, zone).values())
            if not state.counted or state.used == booked:
                continue
            (state,), before = limit_states([limit], at, zone), booked
            booked = sum(spent(limit, at, zone).values())
            if state.counted and not before <= state.used <= booked:
                yield Drift(limit, state.used, booked)


def _subjects(row: Limit) -> Iterator[str]:
    """The subjects that have spent of a limit."""
    subject = subject_of(row)
    spenders = LedgerEntry.objects.order_by()
    match row.scope:
        case LimitScope.USER if subject == EACH:
            people = spenders.exclude(user=None).values_list("user", flat=True).distinct()
            yield from map(str, people.iterator(1000))
        case LimitScope.KEY if subject == EACH:
            keys = spenders.exclude(key=None).values_list("key", flat=True).distinct()
            spent_by = {one for key in keys.iterator(1000) if key for one in (key, *makers_of(key))}
            yield from map(str, sorted(spent_by))
        case LimitScope.END_USER if subject == EACH:
            pairs = spenders.exclude(end_user="").values_list("key", "end_user").distinct()
            yield from (f"{key} {name}" for key, name in pairs.iterator(1000))
        case LimitScope.END_USER:
            yield f"* {subject}"
        case _:
            yield subject


def mend(drift: Drift, at: datetime, zone: ZoneInfo) -> None:
    """Have the counter counted anew from the ledger at its next use. Raises ``CountersUnreadable``."""
    key = _key(drift.limit, at, zone)
    with _counters() as client:
        client.hdel(key, "e")
        client.hincrby(key, "g", 1)
