"""Writes down what the runs of this process say: all of them together, as often as it can afford.

A write of its own for every run and every few tokens would cost more than the tokens themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from conversations.domain.errors import RunLogUnavailable
from conversations.engine.types import Degraded
from conversations.runs.event_log import Entry, RunLog
from conversations.runs.event_queries import is_terminal
from conversations.runs.run import Run
from routing.common.tasks import Background

_log = structlog.get_logger("assistant.runs")

EVERY_SECONDS = 0.025
"""Before a write, for what else there is to come: an answer from the cache is over by then."""
SHARE = 0.2
"""Of the time at most is spent on writing: with many runs the pauses grow."""
SELDOM_SECONDS = 0.5
"""The longest pause."""
AGAIN_SECONDS = 1.0
"""Until what Redis did not take is offered again."""


class Page:
    """One run's log as it grows. ``released``: its lease was given up with its last entry, which told
    whether the answer is ``gone``, deleted meanwhile."""

    def __init__(self, run: Run, life: float) -> None:
        self.run, self.released, self.gone = run, False, False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the run's end is written down, or could not be: the stored message has it all."""
        self._life, self._renew_at = life, 0.0
        self._written = 0

    @property
    def behind(self) -> bool:
        """Whether there is something to write."""
        return not self.closed.done() and len(self.run.events) > self._written

    def entry(self) -> Entry:
        """What is to be written next."""
        run, now = self.run, time.monotonic()
        last = run.settled
        return Entry(
            run.turn.message,
            first=self._written + 1,
            events=run.events[self._written :],
            fresh=last or now >= self._renew_at,
            last=last,
        )

    def wrote(self, entry: Entry, *, gone: bool) -> None:
        """Redis took it."""
        self._written += len(entry.events)
        self.released, self.gone = entry.last, gone
        if entry.fresh:
            self._renew_at = time.monotonic() + self._life / 2
        self._close_after(entry)

    def failed(self, entry: Entry, why: Degraded) -> None:
        """Redis did not take it: it is offered again, unless it was the end."""
        self.run.note(why)
        self._close_after(entry)

    def close(self) -> None:
        """No more is written."""
        if not self.closed.done():
            self.closed.set_result(None)

    def _close_after(self, entry: Entry) -> None:
        # A run that has ended since the entry was made has its end in the next one.
        if entry.events and is_terminal(entry.events[-1]):
            self.close()


class Scribe:
    """Keeps the logs of running answers."""

    def __init__(self, log: RunLog, background: Background) -> None:
        self._log, self._background = log, background
        self._pages: set[Page] = set()
        self._stir, self._rest_until = asyncio.Event(), 0.0
        self._trouble: Degraded | None = None

    def open(self, run: Run) -> Page:
        """Write ``run`` down from now on, until it ends."""
        page = Page(run, self._log.life)
        if self._trouble:
            run.note(self._trouble)  # it may end before the next try
        self._pages.add(page)
        run.on_event = self._stir.set
        self._stir.set()
        self._background.every("event writer", self._write, busy=self._pages)
        return page

    def drop(self, page: Page) -> None:
        """Write no more of this run."""
        page.close()
        self._pages.discard(page)
        self._stir.set()

    async def _write(self) -> None:
        await self._stir.wait()
        await asyncio.sleep(max(EVERY_SECONDS, self._rest_until - time.monotonic()))
        self._stir.clear()
        if due := [page for page in self._pages if page.behind]:
            self._rest_until = await self._write_down(due) + time.monotonic()

    async def _write_down(self, due: Sequence[Page]) -> float:
        """Returns the seconds to rest."""
        entries, began = [page.entry() for page in due], time.monotonic()
        try:
            gone = await self._log.write(entries)
        except RunLogUnavailable as exc:
            self._trouble = Degraded(exc.part, str(exc))
            for page, entry in zip(due, entries, strict=True):
                page.failed(entry, self._trouble)
            self._stir.set()
            return AGAIN_SECONDS
        except Exception:  # noqa: BLE001 - what can't be written of one run must not keep the others from it
            await self._one_by_one(due)
            return EVERY_SECONDS
        self._trouble = None
        for page, entry in zip(due, entries, strict=True):
            page.wrote(entry, gone=entry.message in gone)
        took = time.monotonic() - began
        return min(max(EVERY_SECONDS, took / SHARE), SELDOM_SECONDS)

    async def _one_by_one(self, due: Sequence[Page]) -> None:
        if len(due) == 1:
            _log.exception("a run is not written down", message=str(due[0].run.turn.message))
            self.drop(due[0])
            return
        for page in due:
            await self._write_down([page])
