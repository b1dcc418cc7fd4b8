"""What reuse has come to so far, kept at hand: read from the database now and then, never waited for."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog
from django.db import Error as DatabaseError

from routing.common.tasks import Background
from routing.reuse.calibration import Calibration
from routing.reuse.calibration_state import Learned

_log = structlog.get_logger("assistant.reuse")

FRESH_SECONDS = 30.0
"""For so long a worker decides by what it read last."""


class ReuseExperience:
    """Calibrations and the judge's worth. Asking never waits: what is older than ``FRESH_SECONDS`` is
    read anew in the background."""

    def __init__(
        self,
        load: Callable[[], Awaitable[Learned]],
        background: Background,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._background, self._clock = load, background, clock
        self._learned, self._read_at = Learned(), float("-inf")

    def calibration(self, *, shared: bool) -> Calibration:
        """How the model's probabilities did in this scope."""
        self._refresh()
        return self._learned.shared if shared else self._learned.own

    def judge_pays(self) -> bool:
        """Whether asking the judge saves more than it costs."""
        self._refresh()
        return self._learned.judge_pays

    def _refresh(self) -> None:
        if self._clock() - self._read_at < FRESH_SECONDS:
            return
        self._read_at = self._clock()
        self._background.start("reuse calibration", self._read())

    async def _read(self) -> None:
        try:
            self._learned = await self._load()
        except DatabaseError as exc:
            _log.warning("reuse goes by what was learned before", error=str(exc))
