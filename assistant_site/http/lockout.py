"""When wrong passwords lock a name: from one address after a few, from everywhere after many.

The second lock is for whoever guesses from many addresses. Its limit is high, because it also locks
out the name's owner.
"""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """django-axes' own, for name and address, with a lock for the name alone."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Recent failures that count against ``AXES_FAILURE_LIMIT``."""
        here: int = super().get_failures(request, credentials)
        if self._everywhere(request, credentials) >= settings.SIGN_IN_NAME_FAILURES:
            return max(here, settings.AXES_FAILURE_LIMIT)
        return here

    @staticmethod
    def _everywhere(request: HttpRequest, credentials: dict[str, Any] | None) -> int:
        attempts = AccessAttempt.objects.filter(
            username=get_client_username(request, credentials),
            attempt_time__gte=get_cool_off_threshold(request),
        )
        return attempts.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
