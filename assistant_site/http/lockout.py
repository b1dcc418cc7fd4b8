"""Account lockout: wrong passwords lock a user name, for one address and for all addresses.

The lock for all addresses stops guesses from many machines. Its limit is high, because it also locks out
the owner of the name.
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
    """django-axes' lock for a name and address, and a second one for the name alone."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Recent failures that count against ``AXES_FAILURE_LIMIT``."""
        from_address: int = super().get_failures(request, credentials)
        if self._from_everywhere(request, credentials) >= settings.SIGN_IN_NAME_FAILURES:
            return max(from_address, settings.AXES_FAILURE_LIMIT)
        return from_address

    @staticmethod
    def _from_everywhere(request: HttpRequest, credentials: dict[str, Any] | None) -> int:
        attempts = AccessAttempt.objects.filter(
            username=get_client_username(request, credentials),
            attempt_time__gte=get_cool_off_threshold(request),
        )
        return attempts.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
