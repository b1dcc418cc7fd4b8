"""A circuit breaker small enough to read: fail at once while a dependency is known to be down."""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Opens after ``failures`` in a row; once ``reset_after`` seconds passed, one probe goes through.

    Ask ``allows`` before each call and report how it went. The probe's success closes the
    breaker, its failure keeps it open for another ``reset_after``. A call that was cancelled
    taught nothing: report it with ``released``. ``clock`` counts seconds and never goes back.
    """

    def __init__(
        self,
        failures: int = 3,
        reset_after: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._reset_after = reset_after
        self._clock = clock
        self._failures = 0
        self._retry_at: float | None = None

    @property
    def closed(self) -> bool:
        """Whether calls go through."""
        return self._retry_at is None

    def allows(self) -> bool:
        """Whether to make the call. While open, the one ``True`` an interval is the probe."""
        if self._retry_at is None:
            return True
        now = self._clock()
        if now < self._retry_at:
            return False
        # Nobody else probes meanwhile; a probe that never reports is replaced an interval later.
        self._retry_at = now + self._reset_after
        return True

    def succeeded(self) -> None:
        """The dependency answered, whatever it said."""
        self._failures = 0
        self._retry_at = None

    def failed(self) -> None:
        """It did not answer."""
        self._failures += 1
        if self._failures >= self._limit:
            self._retry_at = self._clock() + self._reset_after

    def released(self) -> None:
        """The call was given up before it was known whether it would answer."""
        if self._retry_at is not None:
            self._retry_at = self._clock()
