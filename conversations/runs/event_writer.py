"""Event writer: writes the events of all runs of this process to their logs, several in a batch.

A write for every run and every few tokens would cost more than the tokens themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from conversations.domain.errors import RunLogUnavailable
from conversations.engine.types import Degraded
from conversations.runs.event_log import LogEntry, RunLog
from conversations.runs.run import Run, is_terminal
from routing.common.tasks import Background

_log = structlog.get_logger("assistant.runs")

EVERY_SECONDS = 0.025
"""Pause before a write, to collect events: an answer from the cache is over by then."""
SHARE = 0.2
"""The part of the time spent on writing, at most: with many runs the pauses grow."""
SELDOM_SECONDS = 0.5
"""The longest pause."""
AGAIN_SECONDS = 1.0
"""Pause after a write that failed."""


class LogCursor:
    """The position up to which a run is in its log. ``released``: the last entry gave the lease up;
    ``gone``: the answer was deleted meanwhile."""

    def __init__(self, run: Run, life: float) -> None:
        self.run, self.released, self.gone = run, False, False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the run's end is in the log, or was refused: the stored message has all events."""
        self._life, self._renew_at = life, 0.0
        self._written = 0

    @property
    def behind(self) -> bool:
        """Whether there are events to write."""
        return not self.closed.done() and len(self.run.events) > self._written

    def entry(self) -> LogEntry:
        """The entry to be written next."""
        run, now = self.run, time.monotonic()
        last = run.settled
        return LogEntry(
            run.turn.message,
            first=self._written + 1,
            events=run.events[self._written :],
            fresh=last or now >= self._renew_at,
            last=last,
        )

    def wrote(self, entry: LogEntry, *, gone: bool) -> None:
        """Move on behind an entry that Redis took."""
        self._written += len(entry.events)
        self.released, self.gone = entry.last, gone
        if entry.fresh:
            self._renew_at = time.monotonic() + self._life / 2
        self._close_after(entry)

    def failed(self, entry: LogEntry, why: Degraded) -> None:
        """Stay before an entry that Redis did not take, unless it has the end."""
        self.run.note(why)
        self._close_after(entry)

    def close(self) -> None:
        """Write no more."""
        if not self.closed.done():
            self.closed.set_result(None)

    def _close_after(self, entry: LogEntry) -> None:
        # A run that has ended since the entry was made has its end in the next one.
        if entry.events and is_terminal(entry.events[-1]):
            self.close()


class EventWriter:
    """Keeps the logs of running answers, one write at a time."""

    def __init__(self, log: RunLog, background: Background) -> None:
        self._log, self._background = log, background
        self._cursors: set[LogCursor] = set()
        self._stir, self._rest_until = asyncio.Event(), 0.0
        self._trouble: Degraded | None = None

    def open(self, run: Run) -> LogCursor:
        """Write the events of ``run`` from now on, until it ends."""
        cursor = LogCursor(run, self._log.life)
        if self._trouble:
            run.note(self._trouble)  # it may end before the next try
        self._cursors.add(cursor)
        run.on_event = self._stir.set
        self._stir.set()
        self._background.every("event writer", self._write, busy=self._cursors)
        return cursor

    def drop(self, cursor: LogCursor) -> None:
        """Write no more of this run."""
        cursor.close()
        self._cursors.discard(cursor)
        self._stir.set()

    async def _write(self) -> None:
        await self._stir.wait()
        await asyncio.sleep(max(EVERY_SECONDS, self._rest_until - time.monotonic()))
        self._stir.clear()
        if due := [cursor for cursor in self._cursors if cursor.behind]:
            self._rest_until = await self._write_down(due) + time.monotonic()

    async def _write_down(self, due: Sequence[LogCursor]) -> float:
        """Returns the seconds until the next write."""
        entries, began = [cursor.entry() for cursor in due], time.monotonic()
        try:
            gone = await self._log.write(entries)
        except RunLogUnavailable as exc:
            self._trouble = Degraded(exc.part, str(exc))
            for cursor, entry in zip(due, entries, strict=True):
                cursor.failed(entry, self._trouble)
            self._stir.set()
            return AGAIN_SECONDS
        except Exception:  # noqa: BLE001 - the error of one run must not keep the others from being written
            await self._one_by_one(due)
            return EVERY_SECONDS
        self._trouble = None
        for cursor, entry in zip(due, entries, strict=True):
            cursor.wrote(entry, gone=entry.message in gone)
        took = time.monotonic() - began
        return min(max(EVERY_SECONDS, took / SHARE), SELDOM_SECONDS)

    async def _one_by_one(self, due: Sequence[LogCursor]) -> None:
        if len(due) == 1:
            _log.exception("a run is not written down", message=str(due[0].run.turn.message))
            self.drop(due[0])
            return
        for cursor in due:
            await self._write_down([cursor])
