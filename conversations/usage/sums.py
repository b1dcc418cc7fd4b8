"""Sums: the spent amount of a limit in its window, counted from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum

from conversations.models import LedgerEntry
from conversations.usage.key_makers import keys_under
from routing.domain.limits import AppliedLimit, LimitScope, LimitTerms, LimitUnit, window_start
from routing.domain.rules import SIMULATED_PREFIX


def spent(limit: AppliedLimit, at: datetime, zone: ZoneInfo) -> Mapping[int, int]:
    """The usage in the window of that moment, by its buckets; a calendar window has one, 0."""
    counted = _counted(limit.terms)
    if counted is None:
        return {0: 0}
    rows = entries_of(limit, at, zone).order_by()
    if not limit.terms.slides:
        return {0: int(rows.aggregate(sum=counted)["sum"] or 0)}
    parts: Counter[int] = Counter()
    for moment, amount in rows.values_list("at").annotate(sum=counted):
        parts[limit.bucket(moment)] += int(amount or 0)
    return parts


def entries_of(limit: AppliedLimit, at: datetime, zone: ZoneInfo) -> QuerySet[LedgerEntry]:
    """The rows of the ledger that count for a limit."""
    terms, rows = limit.terms, LedgerEntry.objects.filter(_whose(limit))
    if terms.models is not None:
        names = [*terms.models, *(SIMULATED_PREFIX + name for name in terms.models)]
        rows = rows.filter(model__in=names)
    start = window_start(terms, at, zone)
    if start is None:
        return rows
    if terms.slides:
        return rows.filter(at__gt=start)
    return rows.filter(day__gte=start.date(), day__lte=at.astimezone(zone).date())


def _whose(limit: AppliedLimit) -> Q:
    subject = limit.subject
    match limit.terms.scope:
        case LimitScope.INSTALLATION:
            return Q()
        case LimitScope.GROUP:
            return Q(groups__contains=f"|{subject}|")
        case LimitScope.USER:
            return Q(user=int(subject))
        case LimitScope.KEY:
            return Q(key__in=keys_under(UUID(subject)))
        case LimitScope.END_USER:
            key, _, name = subject.partition(" ")
            return Q(end_user=name) if key == "*" else Q(key=UUID(key), end_user=name)


def _counted(terms: LimitTerms) -> Any:
    """The aggregate of the ledger's rows in the limit's unit; ``None`` for a unit that the ledger has not."""
    match terms.unit:
        case LimitUnit.REQUESTS if terms.models is not None:
            return Count("run", distinct=True)
        case LimitUnit.REQUESTS:
            return Sum("requests")
        case LimitUnit.TOKENS:
            return Sum(F("input_tokens") + F("output_tokens"))
        case LimitUnit.USD:
            return Sum("cost")
        case LimitUnit.CONCURRENT:
            return None
