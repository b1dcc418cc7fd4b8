"""Speculation: calls ahead of the decision by day, how many were confirmed, the time they saved and the money that
the others wasted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Sum

from conversations.models import DailySpeculation
from conversations.stats.daily import bill_of
from conversations.stats.stats_table import Increments, Key, StatsTable, day_of

if TYPE_CHECKING:
    from conversations.domain.outcome import RunOutcome

SPECULATIONS = StatsTable(DailySpeculation, "day")
PURPOSE = "speculate"


@dataclass(frozen=True, slots=True)
class SpeculationSums:
    """Sums of some days. ``wasted`` in US dollars, of the calls that were not confirmed."""

    confirmed: int
    cancelled: int
    saved_ms: int
    wasted: Decimal

    @property
    def share(self) -> float | None:
        """The confirmed ones of all, in [0, 1]."""
        count = self.confirmed + self.cancelled
        return self.confirmed / count if count else None

    @property
    def mean_saved_ms(self) -> float | None:
        """Milliseconds that a confirmed one saved, in the mean."""
        return self.saved_ms / self.confirmed if self.confirmed else None


def speculation_increments(outcome: RunOutcome, started: datetime) -> Mapping[Key, Increments]:
    """Increments of ``SPECULATIONS``."""
    ended = outcome.speculated
    if ended is None:
        return {}
    sums = {
        "confirmed": int(ended.confirmed),
        "cancelled": int(not ended.confirmed),
        "saved_ms": ended.saved_ms,
    }
    return {(day_of(started),): sums}


def speculation_sums(since: date) -> SpeculationSums:
    """The sums from that day (UTC) on."""
    names = ("confirmed", "cancelled", "saved_ms")
    counts = DailySpeculation.objects.filter(day__gte=since).aggregate(
        **{name: Sum(name, default=0) for name in names}
    )
    return SpeculationSums(**counts, wasted=bill_of(PURPOSE, since).usd)


def wasted_today() -> Decimal:
    """US dollars of today (UTC) for calls that were not confirmed; infinite once the cost of one is unknown."""
    bill = bill_of(PURPOSE, datetime.now(UTC).date())
    return Decimal("Infinity") if bill.unpriced else bill.usd
