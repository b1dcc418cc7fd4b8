"""Adds up what ended answers noted for the sums, beside the answers, not in their way."""

from __future__ import annotations

import structlog
from django.db import Error as DatabaseError

from conversations.db.threads import written
from conversations.stats.pending import add_up
from routing.common.tasks import Background

_log = structlog.get_logger("assistant.counting")

EVERY_SECONDS = 1.0


class Summing:
    """Any number of workers may: what one is adding up, the others leave to it."""

    def __init__(self, background: Background) -> None:
        self._background = background

    def watch(self) -> None:
        """Add up from now on, and once more at the end; what can't be added stays noted."""
        self._background.every("statistics", self._add, seconds=EVERY_SECONDS, last=True)

    async def _add(self) -> None:
        try:
            await written(add_up)
        except DatabaseError as exc:
            _log.warning("sums are added up later", error=f"{type(exc).__name__}: {exc}")
