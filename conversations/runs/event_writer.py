"""Event writer: write-ahead of the events of all runs of this process, by group commit.

Listeners are told of an event when its log has it, so that the answer of a killed worker is kept as it
was heard. One write is under way at a time; the events of meanwhile go with the next one. While Redis
is away, listeners do not wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from conversations.domain.errors import RunLogUnavailable
from conversations.engine.types import Degraded
from conversations.runs.event_log import LogEntry, RunLog
from conversations.runs.run import Run, is_terminal
from routing.common.tasks import Background

_log = structlog.get_logger("assistant.runs")

START_SECONDS = 0.05
"""How long the first event of a run waits for the next ones: a short answer then takes two writes, of all
but its end and of its end, and as many to its client."""
REST_SECONDS = 0.002
"""From the beginning of a write to the next one, at least: with 16 runs two or three events share a
write, and half of all events wait for less than a millisecond."""
ENTRY_SECONDS = 60e-6
"""The same for each entry, five times its CPU: with many runs writing takes a fifth of the time."""
AGAIN_SECONDS = 1.0
"""Pause after a write that failed."""
PAUSED_SECONDS = 5.0
"""A write that took longer, at ten times Redis' time-out, was this process standing still."""


class LogCursor:
    """The position up to which a run is in its log. ``released``: the last entry gave the lease up;
    ``gone``: the answer was deleted meanwhile."""

    def __init__(self, run: Run, life: float) -> None:
        self.run, self.released, self.gone = run, False, False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the run's end is in the log, or was refused: the stored message has all events."""
        self._life, self._renew_at = life, 0.0
        self._written = 0
        self._start: asyncio.TimerHandle | None = None

    @property
    def written(self) -> int:
        """Events that the log has."""
        return self._written

    @property
    def behind(self) -> bool:
        """Whether there are events to write."""
        return not self.closed.done() and len(self.run.events) > self._written

    def begin(self, due: Callable[[], object]) -> None:
        """Call ``due`` in START_SECONDS, unless it is called before."""
        self._start = asyncio.get_running_loop().call_later(START_SECONDS, due)

    def entry(self) -> LogEntry:
        """The entry to be written next."""
        if self._start:
            self._start.cancel()
            self._start = None
        run, now = self.run, time.monotonic()
        last = run.settled
        return LogEntry(
            run.turn.message,
            first=self._written + 1,
            events=run.events[self._written :],
            fresh=last or now >= self._renew_at,
            last=last,
            attached=run.settlement if run.ended else None,
        )

    def wrote(self, entry: LogEntry, *, gone: bool) -> None:
        """Move on behind an entry that Redis took."""
        self._written += len(entry.events)
        self.run.tell(self._written)
        self.released, self.gone = entry.last, gone
        if entry.fresh:
            self._renew_at = time.monotonic() + self._life / 2
        self._close_after(entry)

    def sealed(self, number: int) -> None:
        """Fencing: another worker ended the answer in the log, under ``number``. The run writes no more,
        and its listeners hear nothing but its end after what the log has."""
        self.run.fence(number - 1)
        self.close()

    def failed(self, entry: LogEntry, why: Degraded) -> None:
        """Stay before an entry that Redis did not take, unless it has the end."""
        self.run.note(why)
        self.run.tell()
        self._close_after(entry)

    def close(self) -> None:
        """Write no more. Listeners are told at once from now on."""
        self.run.on_event = self.run.tell
        self.run.tell()
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

    @property
    def waiting(self) -> int:
        """Events that Redis does not have yet."""
        return sum(len(each.run.events) - each.written for each in self._cursors)

    def open(self, run: Run) -> LogCursor:
        """Write the events of ``run`` from now on, until it ends."""
        cursor = LogCursor(run, self._log.life)
        if self._trouble:
            run.note(self._trouble)  # it may end before the next try
        self._cursors.add(cursor)
        run.on_event = partial(self._heard, run)
        cursor.begin(self._stir.set)
        self._background.every("event writer", self._write, busy=self._cursors)
        return cursor

    def drop(self, cursor: LogCursor) -> None:
        """Write no more of this run."""
        cursor.close()
        self._cursors.discard(cursor)
        self._stir.set()

    async def _write(self) -> None:
        await self._stir.wait()
        # At least to the next turn of the event loop: the text that came with a decision is flushed then.
        await asyncio.sleep(max(0.0, self._rest_until - time.monotonic()))
        self._stir.clear()
        if due := [cursor for cursor in self._cursors if cursor.behind]:
            self._rest_until = time.monotonic() + await self._write_down(due)

    def _heard(self, run: Run) -> None:
        self._stir.set()
        if self._trouble:
            run.tell()

    async def _write_down(self, due: Sequence[LogCursor]) -> float:
        """Returns the seconds that it rests."""
        entries, begun = [cursor.entry() for cursor in due], time.monotonic()
        try:
            report = await self._log.write(entries)
        except RunLogUnavailable as exc:
            if time.monotonic() - begun > PAUSED_SECONDS:
                # Redis may be well, and others may have ended these answers meanwhile: ask before telling.
                self._stir.set()
                return REST_SECONDS
            self._trouble = Degraded(exc.part, str(exc))
            for cursor, entry in zip(due, entries, strict=True):
                cursor.failed(entry, self._trouble)
            self._stir.set()
            return AGAIN_SECONDS
        except Exception:  # noqa: BLE001 - the error of one run must not keep the others from being written
            await self._one_by_one(due)
            return REST_SECONDS
        self._trouble = None
        for cursor, entry in zip(due, entries, strict=True):
            if number := report.sealed.get(entry.message):
                cursor.sealed(number)
            else:
                cursor.wrote(entry, gone=entry.message in report.gone)
        return max(REST_SECONDS, len(entries) * ENTRY_SECONDS)

    async def _one_by_one(self, due: Sequence[LogCursor]) -> None:
        if len(due) == 1:
            _log.exception("a run is not written down", message=str(due[0].run.turn.message))
            self.drop(due[0])
            return
        for cursor in due:
            await self._write_down([cursor])
