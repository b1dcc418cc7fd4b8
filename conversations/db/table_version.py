"""Version of a small table that is held in memory: it differs where a row may have changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

SETTLING = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30))
"""After a change: when the table is read once more each. The last is longer than a transaction takes that saves a row."""

Version = tuple[int, datetime | None, Any, int]


def table_version(rows: QuerySet[Any]) -> Version:
    """The number of rows, the newest ``changed_at`` and the last key. Equal ones are of equal rows.

    Of two saves the one with the earlier ``changed_at`` may be committed last. No part of them tells that
    one, so the version differs again at each of ``SETTLING`` after the newest change, and not at every look:
    the table may be large, and change often.
    """
    facts = rows.aggregate(count=Count("pk"), at=Max("changed_at"), last=Max("pk"))
    now, at = timezone.now(), facts["at"]
    settled = sum(at is None or now - at >= each for each in SETTLING)
    return facts["count"], at, facts["last"], settled
