"""Records of the links between stored answers: their outcomes by day, and the cost of the judge's calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db.models import Sum

from conversations.models import DailyLink
from conversations.stats.daily import bill_of
from conversations.stats.stats_table import StatsTable, day_of

LINK = "link"
"""The purpose of the judge's calls, in the sums of costs."""
UNPRICED_USD = 0.01
"""The cost of a call without a known price, in US dollars: a budget must end."""

_LINKS = StatsTable(DailyLink, "day", "outcome")


def link_record(*, outcome: str) -> None:
    """Count a comparison of today (UTC)."""
    _LINKS.add({(day_of(datetime.now(UTC)), outcome): {"count": 1}})


@dataclass(frozen=True, slots=True)
class LinkSums:
    """Sums of a time: comparisons by ``outcomes``, and the judge's ``calls`` with their cost (US dollars);
    ``unpriced`` calls of unknown cost are not in it."""

    outcomes: Mapping[str, int]
    calls: int
    usd: float
    unpriced: int

    @property
    def made(self) -> int:
        """Comparisons that found something out."""
        return sum(self.outcomes.get(name, 0) for name in ("same", "different", "conflict"))

    @property
    def same(self) -> int:
        """Answers that say the same as a stored one."""
        return self.outcomes.get("same", 0)

    @property
    def unpaid(self) -> int:
        """Answers that no judge was asked about."""
        return self.outcomes.get("unpaid", 0)


def link_sums(*, since: date) -> LinkSums:
    """The sums since that day."""
    made = DailyLink.objects.filter(day__gte=since).values_list("outcome").annotate(Sum("count"))
    bill = bill_of(LINK, since)
    return LinkSums(dict(made), bill.count, float(bill.usd), bill.unpriced)


def link_usd_today() -> float:
    """The cost of today's (UTC) calls."""
    bill = bill_of(LINK, datetime.now(UTC).date())
    return float(bill.usd) + bill.unpriced * UNPRICED_USD
