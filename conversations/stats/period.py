"""Period: days (UTC, or of another calendar), the first and the last included, with the same number of days before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

CHOICES = (7, 30, 90)
MOST_DAYS = 400
OLDEST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """From ``first`` to ``last``."""

    first: date
    last: date

    @classmethod
    def of(cls, query: Mapping[str, str], days: int = 30, *, today: date | None = None) -> Period:
        """The period of an address: ``?from=2026-11-01&to=2026-11-30`` or ``?days=7``, else the last
        ``days``. Malformed dates and counts are ignored. ``today`` is that of another calendar."""
        today = today or timezone.now().date()
        last = max(min(_parsed(query.get("to")) or today, today), OLDEST)
        asked = query.get("days", "")
        count = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else days
        first = _parsed(query.get("from")) or last - timedelta(days=max(1, count) - 1)
        oldest = last - timedelta(days=MOST_DAYS - 1)
        return cls(max(min(first, last), oldest), last)

    @property
    def days(self) -> list[date]:
        """Every day, the oldest first."""
        return [self.first + timedelta(days=at) for at in range((self.last - self.first).days + 1)]

    @property
    def labels(self) -> list[str]:
        """The days as ``2026-11-28``."""
        return [day.isoformat() for day in self.days]

    @property
    def before(self) -> Period:
        """As many days, up to the day before the first."""
        length = self.last - self.first
        last = self.first - timedelta(days=1)
        return Period(last - length, last)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The first moment, and the first one after the period."""
        after = self.last + timedelta(days=1)
        return (
            datetime.combine(self.first, time.min, UTC),
            datetime.combine(after, time.min, UTC),
        )

    def within(self) -> Q:
        """Rows whose ``day`` is in the period."""
        return Q(day__gte=self.first, day__lte=self.last)


def _parsed(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
