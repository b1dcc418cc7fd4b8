"""Adds up what ended answers noted for the sums, beside the answers, not in their way."""

from __future__ import annotations

import asyncio
import contextvars

import structlog
from django.db import Error as DatabaseError

from conversations.db.threads import written
from conversations.stats.pending import add_up
from routing.common.tasks import ended

_log = structlog.get_logger("assistant.counting")

EVERY_SECONDS = 1.0


class Summing:
    """Any number of workers may: what one is adding up, the others leave to it."""

    def __init__(self) -> None:
        self._adding: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Add up from now on."""
        work = self._add_on()
        self._adding = asyncio.get_running_loop().create_task(
            work, name="summing", context=contextvars.Context()
        )

    async def aclose(self) -> None:
        """Stop, and add up what is left; what can't be stays noted."""
        if self._adding:
            await ended([self._adding])
            await self._add()

    async def _add_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self._add()

    async def _add(self) -> None:
        try:
            await written(add_up)
        except DatabaseError as exc:
            _log.warning("sums are added up later", error=f"{type(exc).__name__}: {exc}")
        except Exception:  # noqa: BLE001 - one note that can't be added must not end the adding
            _log.exception("sums could not be added up")
