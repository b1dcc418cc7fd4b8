"""Days: the calendar of the ledger and of limits."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings


def limit_zone() -> ZoneInfo:
    """The time zone of days and months."""
    return ZoneInfo(settings.LIMITS_TIME_ZONE)


def day_of(moment: datetime) -> date:
    """The calendar day of a moment, in the time zone of limits."""
    return moment.astimezone(limit_zone()).date()
