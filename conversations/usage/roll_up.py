"""Roll-up: sums of the ledger's past days, so that a report of months reads few rows and is exact.

A day is summed when it is over. A change of its rows takes its sums away in the same transaction; until
they are made anew, reports read the ledger for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone

from conversations.db.access import still_awaited
from conversations.models import LedgerEntry, UsageDay, UsageSum
from conversations.usage.days import day_of

_WHAT, _WHO = ("model", "rule", "purpose"), ("user", "key", "end_user")
GRAINS: Mapping[str, tuple[str, ...]] = {
    "what": ("day", *_WHAT),
    "who": ("day", *_WHO),
    "both": ("day", *_WHAT, *_WHO),
}
"""The columns that each kind of sum keeps apart, the coarsest first."""
ADDED = ("requests", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost")
COUNTED = ("unpriced", "estimated")
BATCH = 500


def ledger_sums() -> Mapping[str, Any]:
    """Aggregates of the ledger's rows. Their names are not those of columns: an aggregate may not have one."""
    return {f"sum_{name}": Sum(name, default=0) for name in ADDED} | {
        "sum_unpriced": Count("pk", filter=Q(cost=None)),
        "sum_estimated": Count("pk", filter=Q(estimated=True)),
    }


def summed_sums() -> Mapping[str, Any]:
    """The same of rows that are sums."""
    return {f"sum_{name}": Sum(name, default=0) for name in (*ADDED, *COUNTED)}


def summed_days(first: date, last: date) -> set[date]:
    """The days whose sums hold."""
    days = UsageDay.objects.filter(day__gte=first, day__lte=last, summed=True)
    return set(days.values_list("day", flat=True))


def days_changed(days: Iterable[date]) -> None:
    """Take the sums of days away. Call it in the transaction that changes their rows, after the change."""
    past = sorted(set(days))
    UsageDay.objects.bulk_create(
        [UsageDay(day=day, summed=False) for day in past],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["summed"],
    )
    UsageSum.objects.filter(day__in=past).delete()


def rows_added(day: date) -> None:
    """The same for rows that were added: those of today change no sums."""
    if day != day_of(timezone.now()):
        days_changed([day])


def roll_up() -> bool:
    """Sum up the newest day that needs it; whether there was one. Several processes may do so at once."""
    first = LedgerEntry.objects.order_by("day").values_list("day", flat=True).first()
    today = day_of(timezone.now())
    if first is None or first >= today:
        return False
    done = summed_days(first, today)
    past = (today - timedelta(days=back) for back in range(1, (today - first).days + 1))
    due = next((day for day in past if day not in done), None)
    if due:
        sum_up(due)
    return due is not None


@transaction.atomic
def sum_up(day: date) -> None:
    """Make the sums of one day, unless they are there."""
    # A row of the day that is written meanwhile waits for this one, or this waits for it.
    UsageDay.objects.get_or_create(day=day)
    marked = UsageDay.objects.select_for_update().get(day=day)
    if marked.summed:
        return
    UsageSum.objects.filter(day=day).delete()
    for grain, columns in GRAINS.items():
        rows = LedgerEntry.objects.filter(day=day).order_by().values(*columns)
        made = (_sum(grain, columns, row) for row in rows.annotate(**ledger_sums()).iterator(BATCH))
        UsageSum.objects.bulk_create(made, batch_size=BATCH)
    marked.summed = True
    marked.save()
    still_awaited()


def _sum(grain: str, columns: Collection[str], row: Mapping[str, Any]) -> UsageSum:
    sums = {name: row[f"sum_{name}"] for name in (*ADDED, *COUNTED)}
    return UsageSum(grain=grain, **{name: row[name] for name in columns}, **sums)
