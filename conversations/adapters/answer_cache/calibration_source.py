"""What reuse has come to so far, kept at hand: read from the database now and then, never waited for."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable

import structlog
from django.db import Error as DatabaseError

from routing.reuse.calibration import Calibration
from routing.reuse.calibration_state import Learned

_log = structlog.get_logger("assistant.reuse")

FRESH_SECONDS = 30.0
"""For so long a worker decides by what it read last."""


class ReuseExperience:
    """Calibrations and the judge's worth. Asking never waits: what is older than ``FRESH_SECONDS`` is
    read anew in the background."""

    def __init__(
        self, load: Callable[[], Awaitable[Learned]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load, self._clock = load, clock
        self._learned, self._read_at = Learned(), float("-inf")
        self._reading: asyncio.Task[None] | None = None

    def calibration(self, *, shared: bool) -> Calibration:
        """How the model's probabilities did in this scope."""
        self._refresh()
        return self._learned.shared if shared else self._learned.own

    def judge_pays(self) -> bool:
        """Whether asking the judge saves more than it costs."""
        self._refresh()
        return self._learned.judge_pays

    async def refreshed(self) -> None:
        """Wait until what is known is fresh."""
        self._refresh()
        if self._reading:
            await self._reading

    def _refresh(self) -> None:
        if self._clock() - self._read_at < FRESH_SECONDS:
            return
        self._read_at = self._clock()
        # no request's context: the request may be over before the database answers
        work = contextvars.Context().run(asyncio.ensure_future, self._read())
        self._reading = work

    async def _read(self) -> None:
        try:
            self._learned = await self._load()
        except DatabaseError as exc:
            _log.warning("reuse goes by what was learned before", error=str(exc))
