"""Sums of the demo: its answers are counted today like all others, then moved to their day, and taken
away again when the demo is removed.

On a site where others ask meanwhile, their answers of these minutes move too: the command refuses there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

from django.db import models, transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from conversations.models import (
    DailyCost,
    DailyOutcome,
    DemoShare,
    FirstTokenCount,
    LedgerEntry,
    ModelPerformance,
    PersonCost,
    VersionPerformance,
)
from conversations.stats.daily import COSTS, FIRST_TOKENS, OUTCOMES, PEOPLE
from conversations.stats.stats_table import MODELS, StatsTable
from conversations.usage.days import limit_zone
from conversations.usage.roll_up import days_changed
from conversations.usage.states import drifts, mend

KEYS: Mapping[type[models.Model], tuple[str, ...]] = {
    ModelPerformance: ("day", "model", "rule"),
    VersionPerformance: ("ruleset", "rule"),
    DailyCost: ("day", "purpose", "rule", "model"),
    DailyOutcome: ("day", "rule", "model", "outcome"),
    FirstTokenCount: ("day", "model", "bucket"),
    PersonCost: ("day", "user"),
}
"""The tables of sums with their keys."""
DAILY: Mapping[type[models.Model], StatsTable] = {
    ModelPerformance: MODELS,
    DailyCost: COSTS,
    DailyOutcome: OUTCOMES,
    FirstTokenCount: FIRST_TOKENS,
    PersonCost: PEOPLE,
}
TRACE = 1e-9
RUNS = 500
"""Runs named in one statement."""
Place = tuple[type[models.Model], tuple[Any, ...]]
Sums = dict[Place, dict[str, Any]]


def sums_now(day: date | None = None) -> Sums:
    """All sums, or those of one day."""
    found: Sums = {}
    for table, keys in KEYS.items():
        rows = table._default_manager.all()  # noqa: SLF001 - documented
        if day is not None:
            rows = rows.filter(day=day) if "day" in keys else rows.none()
        columns = _columns(table)
        for row in rows.values(*keys, *columns):
            found[table, tuple(row[key] for key in keys)] = {name: row[name] for name in columns}
    return found


def growth(before: Sums, after: Sums) -> Sums:
    """By how much each sum grew."""
    grown: Sums = {}
    for place, sums in after.items():
        old = before.get(place, {})
        by = {name: value - old.get(name, 0) for name, value in sums.items()}
        if any(by.values()):
            grown[place] = {name: value for name, value in by.items() if value}
    return grown


@transaction.atomic
def move(grown: Sums, to: date) -> None:
    """Have the growth of daily sums count on another day."""
    for (table, key), sums in grown.items():
        if table in DAILY and key[0] != to:
            _take(table, key, sums)
            DAILY[table].add({(to.isoformat(), *key[1:]): sums})


def keep_shares(grown: Sums) -> None:
    """Note the amounts that the demo added to each row."""
    DemoShare.objects.bulk_create(
        DemoShare(table=table.__name__, key=list(map(str, key)), sums=_as_json(sums))
        for (table, key), sums in grown.items()
    )


@transaction.atomic
def take_shares() -> None:
    """Subtract the amounts that the demo added. Rows that hold nothing else are deleted."""
    tables = {table.__name__: table for table in KEYS}
    for share in DemoShare.objects.all():
        table = tables[share.table]
        _take(table, tuple(share.key), share.sums)
    DemoShare.objects.all().delete()


def last_call() -> int:
    """The id of the ledger's latest row."""
    return int(LedgerEntry.objects.aggregate(last=Max("pk", default=0))["last"])


def keep_calls(since: int) -> None:
    """Note the calls beside the answers that were booked after that row: they name nobody."""
    booked = LedgerEntry.objects.filter(pk__gt=since, user=None)
    runs = booked.order_by().values_list("run", flat=True).distinct()
    DemoShare.objects.create(table=LedgerEntry.__name__, key=list(map(str, runs)), sums={})


@transaction.atomic
def take_calls(people: Collection[int]) -> None:
    """Delete the ledger's rows of these people, and those that were noted."""
    noted = DemoShare.objects.filter(table=LedgerEntry.__name__)
    runs = [run for share in noted for run in share.key]
    days: set[date] = set()
    for at in range(0, max(1, len(runs)), RUNS):
        booked = LedgerEntry.objects.filter(
            Q(user__in=people) | Q(user=None, run__in=runs[at : at + RUNS])
        )
        days.update(booked.values_list("day", flat=True))
        booked.delete()
    days_changed(days)
    noted.delete()


def count_limits_anew() -> None:
    """Have limits counted from the ledger again: their counters know of calls that are of other days now, or gone."""
    now, zone = timezone.now(), limit_zone()
    for drift in list(drifts(now, zone)):
        mend(drift, now, zone)


def _take(table: type[models.Model], key: tuple[Any, ...], sums: Mapping[str, Any]) -> None:
    rows = table._default_manager.filter(**dict(zip(KEYS[table], key, strict=True)))  # noqa: SLF001
    rows.update(**{name: F(name) - by for name, by in sums.items()})
    for row in rows.values("pk", *_columns(table)):
        # Sums of fractions leave a trace of the rounding.
        if all(abs(float(row[name])) < TRACE for name in _columns(table)):
            rows.filter(pk=row["pk"]).delete()


def _columns(table: type[models.Model]) -> list[str]:
    return list(_added(table))


def _added(table: type[models.Model]) -> Iterator[str]:
    for field in table._meta.concrete_fields:  # noqa: SLF001 - documented
        if not field.primary_key and field.name not in KEYS[table]:
            yield field.name


def _as_json(sums: Mapping[str, Any]) -> dict[str, Any]:
    return {name: by if isinstance(by, int | float) else str(by) for name, by in sums.items()}
