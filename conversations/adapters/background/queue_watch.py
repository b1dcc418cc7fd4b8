"""Queue depths, and the drift of usage counters from the ledger, for the metrics.

A worker that is scraped counts the tables of waiting work, at most once in QUEUE_SECONDS. Counters are compared by
one worker of all, every DRIFT_SECONDS; Redis keeps the result for the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import redis.asyncio
import structlog
from django.db import DatabaseError
from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from conversations.adapters.background.outbox import Kind
from conversations.db.access import in_database
from conversations.models import LimitWarning, OwedWork, Uncounted
from conversations.usage.counters import LimitsUnavailable
from conversations.usage.days import limit_zone
from conversations.usage.states import drifts
from routing.common.redis.clients import Breaker, redis_call
from routing.common.tasks import Background

_log = structlog.get_logger("assistant.queues")

QUEUE_SECONDS, PATIENCE_SECONDS = 10.0, 1.5
DRIFT_SECONDS, LOOK_SECONDS = 900, 60.0
MOST_SUBJECTS = 500
"""People, keys or end users that are compared for one limit."""
KEPT_SECONDS = 4 * DRIFT_SECONDS


class QueueWatch:
    """``queues``: rows that wait, and the age of the oldest in seconds, by queue; ``drifting``: counters that
    differed from the ledger when they were last compared."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        background: Background,
        *,
        prefix: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._breaker, self._background = client, breaker, background
        self._key, self._clock, self._due = f"{prefix}:usage:drift", clock, 0.0
        self.queues: Mapping[str, tuple[int, float]] = {}
        self.drifting = 0

    def start(self) -> None:
        """Compare counters from now on."""
        self._background.every("usage drift", self.compare, seconds=LOOK_SECONDS)

    async def look(self) -> None:
        """Count the queues where it is due. A database that hangs leaves the numbers of before."""
        if self._clock() >= self._due and not self._background.count("queue depths"):
            self._due = self._clock() + QUEUE_SECONDS
            self._background.start("queue depths", self._count())
        await self._background.wait("queue depths", seconds=PATIENCE_SECONDS)

    async def compare(self) -> None:
        """Compare where no other worker has of late, and read the result."""
        try:
            with redis_call(self._breaker, LimitsUnavailable):
                mine = await self._client.set(f"{self._key}:claim", 1, nx=True, ex=DRIFT_SECONDS)
            if mine:
                found = await in_database(_drifting)
                with redis_call(self._breaker, LimitsUnavailable):
                    await self._client.set(self._key, found, ex=KEPT_SECONDS)
            with redis_call(self._breaker, LimitsUnavailable):
                self.drifting = int(await self._client.get(self._key) or 0)
        except (DatabaseError, LimitsUnavailable) as exc:
            _log.warning("counters are compared later", error=f"{type(exc).__name__}: {exc}")

    async def _count(self) -> None:
        try:
            self.queues = await in_database(queue_depths)
        except DatabaseError as exc:
            _log.warning("queues are counted later", error=f"{type(exc).__name__}: {exc}")


def queue_depths() -> dict[str, tuple[int, float]]:
    """Waiting rows and the age of the oldest, by queue."""
    owed = OwedWork.objects.order_by()
    return {
        "outbox": _depth(owed.exclude(kind__in=(Kind.CURATE, Kind.ERASE)), "created_at"),
        "curated": _depth(owed.filter(kind=Kind.CURATE), "created_at"),
        "erasure": _depth(owed.filter(kind=Kind.ERASE), "created_at"),
        "statistics": (
            Uncounted.objects.filter(failure="").count(),
            0.0,
        ),  # their rows have no time
        "webhooks": _depth(LimitWarning.objects.exclude(due_at=None).order_by(), "at"),
    }


def _depth(rows: QuerySet[OwedWork] | QuerySet[LimitWarning], since: str) -> tuple[int, float]:
    found = rows.aggregate(count=Count("pk"), since=Min(since))
    age = (timezone.now() - found["since"]).total_seconds() if found["since"] else 0.0
    return found["count"], max(0.0, age)


def _drifting() -> int:
    return sum(1 for _ in drifts(timezone.now(), limit_zone(), most=MOST_SUBJECTS))
