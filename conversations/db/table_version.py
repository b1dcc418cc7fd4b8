"""Version of a small table that is held in memory: it differs where a row may have changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

SETTLING = timedelta(seconds=30)
"""Longer than a transaction takes that saves a row."""

Version = tuple[int, datetime | None, Any, datetime | None]


def table_version(rows: QuerySet[Any]) -> Version:
    """The number of rows, the newest ``changed_at`` and the last key. Equal ones are of equal rows.

    Of two saves the one with the earlier ``changed_at`` may be committed last. No part of it tells that
    one, so no two versions of a table are equal until its newest change is ``SETTLING`` old.
    """
    facts = rows.aggregate(count=Count("pk"), at=Max("changed_at"), last=Max("pk"))
    now, at = timezone.now(), facts["at"]
    settling = now if at is not None and now - at < SETTLING else None
    return facts["count"], at, facts["last"], settling
