"""Write-behind: records of answers that no conversation keeps, stored together soon after their ends.

Such an answer has no row that must end before its client is told. Its rows of the ledger and of the
statistics follow within ``TOGETHER_SECONDS``, one transaction for all that came meanwhile: most of the
cost of a short write is in its statements and its hand-over to the thread. Callers with limits are not
written behind: their counters follow the ledger.
"""

from __future__ import annotations

import asyncio

import structlog

from conversations.db.access import AWAY, written
from conversations.storage import turns
from conversations.storage.turns import EndedChat
from routing.common.tasks import Background

_log = structlog.get_logger("assistant.runs")

TOGETHER_SECONDS = 0.05
"""How long the first record waits for others."""
TOGETHER = 32
"""Records in one transaction at most: statements are compiled once for each number of rows."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
"""Seconds between two tries while the database is away; doubled each time."""
LATE_RECORDS = "late records"


class WriteBehind:
    """The records of this process that wait. They are lost with a process that is killed meanwhile."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._waiting: list[EndedChat] = []

    def put(self, ended: EndedChat) -> None:
        """Store the record soon."""
        self._waiting.append(ended)
        if not self._background.count(LATE_RECORDS):
            self._background.start(LATE_RECORDS, self._write(), finish=True)

    async def _write(self) -> None:
        pause = TOGETHER_SECONDS
        while self._waiting:
            await asyncio.sleep(pause)
            batch = self._waiting[:TOGETHER]
            try:
                await _store(batch)
            except AWAY as exc:
                _log.warning(
                    "records wait", answers=len(self._waiting), error=f"{type(exc).__name__}: {exc}"
                )
                pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * pause))
                continue
            del self._waiting[: len(batch)]
            pause = 0.0 if len(self._waiting) >= TOGETHER else TOGETHER_SECONDS


async def _store(batch: list[EndedChat]) -> None:
    """Raises the errors in ``AWAY``. A record that cannot be stored is logged and keeps no other from it."""
    try:
        await written(turns.chats_finish, batch)
    except AWAY:
        raise
    except Exception:  # noqa: BLE001 - one bad record, or a bug in it, must not hold all later ones up
        for ended in batch:
            await _store_alone(ended)


async def _store_alone(ended: EndedChat) -> None:
    try:
        await written(
            turns.chat_finish, message=ended.message, outcome=ended.outcome, started=ended.started
        )
    except AWAY:
        raise
    except Exception:  # noqa: BLE001 - likewise
        _log.exception("answer not stored", message=str(ended.message))
