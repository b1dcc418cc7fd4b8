"""Usage report: sums of the ledger over days, grouped by spender, purpose and time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q

from conversations.models import APIKey, LedgerEntry, UsageSum
from conversations.usage.days import day_of, limit_zone
from conversations.usage.roll_up import (
    ADDED,
    COUNTED,
    GRAINS,
    ledger_sums,
    summed_days,
    summed_sums,
)
from routing.common.files import csv_text
from routing.domain.limits import BILLION

GROUPS = ("day", "model", "rule", "key", "end_user", "purpose", "user")
"""Columns to group by. ``user`` is for staff."""
MOST_ROWS = 10_000

Row = dict[str, Any]


def usage_report(
    *,
    user: int | None,
    by: Sequence[str],
    first: date,
    last: date,
    only: Mapping[str, Any] | None = None,
    bounds: tuple[datetime, datetime] | None = None,
) -> tuple[list[Row], Row]:
    """The rows by the groups, in their order, and the total. ``user``: that person's only. ``only``: the rows
    with these values of ``GROUPS``. Both days are included; of them only calls that were admitted from the
    first of ``bounds`` on and before the second, which are of another calendar. No more than ``MOST_ROWS`` rows are
    returned; the total is of all."""
    only = {**(only or {}), **({} if user is None else {"user": user})}
    days = {day for day in summed_days(first, last) if not bounds or _is_within(day, bounds)}
    at = Q(at__gte=bounds[0], at__lt=bounds[1]) if bounds else Q()
    found, total = _grouped(days, at, only=only, by=by, first=first, last=last)
    if found is None:
        # Cut off in two places: only the ledger knows which rows are the first.
        found, total = _grouped(set(), at, only=only, by=by, first=first, last=last)
    ordered = sorted(found or (), key=lambda key: [(part is None, part) for part in key])
    rows = [dict(zip(by, key, strict=True)) | _sums((found or {})[key]) for key in ordered]
    _name(rows)
    return rows, _sums(total)


def usage_between(start: datetime, end: datetime, by: Sequence[str]) -> list[Row]:
    """The rows of all calls that were admitted between two moments, of any calendar."""
    last = day_of(end - timedelta.resolution)
    return usage_report(user=None, by=by, first=day_of(start), last=last, bounds=(start, end))[0]


def _is_within(day: date, bounds: tuple[datetime, datetime]) -> bool:
    """Whether all of a day of the ledger's calendar is in the bounds."""
    start, end = (
        datetime.combine(each, time.min, limit_zone()) for each in (day, day + timedelta(days=1))
    )
    return bounds[0] <= start and end <= bounds[1]


def _grouped(
    days: set[date], at: Q, *, only: Mapping[str, Any], by: Sequence[str], first: date, last: date
) -> tuple[dict[tuple[Any, ...], Counter[str]] | None, Counter[str]]:
    """The sums by group, ``None`` where sums of ``days`` and of other days are too many to be added up;
    and the total."""
    needed = {*by, *only}
    grain = next(name for name, columns in GRAINS.items() if needed <= set(columns))
    # The days are named: without that the database reads the whole month to leave the summed ones out.
    all_days = (first + timedelta(days=at) for at in range((last - first).days + 1))
    ledger = LedgerEntry.objects.filter(at, day__in=[day for day in all_days if day not in days])
    sources: list[tuple[Any, Mapping[str, Any]]] = [(ledger, ledger_sums())]
    if days:
        sources.append((UsageSum.objects.filter(grain=grain, day__in=days), summed_sums()))
    groups: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    total, whole = Counter(dict.fromkeys(summed_sums(), 0)), True
    for rows, sums in sources:
        own = rows.order_by().filter(**only)
        found = list(own.values(*by).annotate(**sums).order_by(*by)[:MOST_ROWS])
        cut = len(found) == MOST_ROWS
        whole = whole and not (cut and days)
        for row in found:
            groups[tuple(row.pop(name) for name in by)].update(row)
        for part in [own.aggregate(**sums)] if cut else found:
            total.update(part)
    return (groups if whole else None), total


def csv_report(by: Sequence[str], rows: Sequence[Row], total: Row) -> str:
    """The rows without the total; a spreadsheet adds them up."""
    names = list(rows[0]) if rows else [*by, *total]
    return csv_text(names, ([row[name] for name in names] for row in rows))


def _sums(row: Mapping[str, Any]) -> Row:
    return {
        **{name: row[f"sum_{name}"] for name in ADDED if name != "cost"},
        "cost_usd": dollars(row["sum_cost"]),
        **{name: row[f"sum_{name}"] for name in COUNTED},
    }


def dollars(billionths: int) -> str:
    """Billionths of a US dollar in decimal, to the last digit."""
    sign, count = "-" if billionths < 0 else "", abs(billionths)
    return f"{sign}{count // BILLION}.{count % BILLION:09d}"


def _name(rows: Sequence[Row]) -> None:
    """Add the names of people and keys that still exist."""
    people = _named(User, "username", {row["user"] for row in rows if row.get("user")})
    keys = _named(APIKey, "name", {row["key"] for row in rows if row.get("key")})
    for row in rows:
        if "user" in row:
            row["user_name"] = people.get(row["user"], "")
        if "key" in row:
            row["key_name"] = keys.get(row["key"], "")


def _named(model: Any, field: str, ids: set[Any]) -> dict[Any, str]:
    return dict(model.objects.filter(pk__in=ids).values_list("pk", field)) if ids else {}
