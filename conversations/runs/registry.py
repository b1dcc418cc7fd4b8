"""Run registry: starts the runs of this process detached from any request, stops and drains them.

Lease: a key in Redis (10 s, renewed) says that a worker holds a run; recovery ends runs without one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.utils import translation

from conversations.db.access import in_database
from conversations.domain.errors import RunLogUnavailable
from conversations.engine.types import Turn
from conversations.runs.event_log import RunLog
from conversations.runs.follow import follow_elsewhere
from conversations.runs.lifecycle import RunLifecycle
from conversations.runs.recovery import (
    LEASE_SECONDS,
    SEARCH_SECONDS,
    SECOND_LOOK_SECONDS,
    search_abandoned,
)
from conversations.runs.run import EventStream, Run
from conversations.storage import selectors
from conversations.usage.reservation import Reservation
from routing.common.tasks import Background

_log = structlog.get_logger("assistant.runs")
T = TypeVar("T")

KEEP_SECONDS = 0.4
"""How often leases are renewed and stop requests looked for: well under the promised second."""
RUN_KEEPER, DETACHED = "run keeper", "detached requests"
PAUSED_SECONDS = LEASE_SECONDS + SECOND_LOOK_SECONDS
"""Without renewing its leases for so long, a worker must think that others took it for dead."""


class RunRegistry:
    """The runs of this process."""

    def __init__(self, lifecycle: RunLifecycle, background: Background) -> None:
        self._lifecycle, self._background = lifecycle, background
        self._running: dict[UUID, Run] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._leased: set[UUID] = set()
        self._renewed_at = 0.0
        self._draining: asyncio.Task[None] | None = None

    @property
    def log(self) -> RunLog:
        """Where the events of all runs are leases."""
        return self._lifecycle.log

    def start(self, turn: Turn, reservation: Reservation | None = None) -> Run:
        """Begin to answer, in a task of the process: a client that leaves changes nothing."""
        run = Run(turn, reservation)
        if not self._running:
            self._renewed_at = time.monotonic()
        self._running[turn.message] = run
        start, background = self._background.start, self._background
        self._tasks[turn.message] = start("run", self._own(run), subject=turn.message)
        background.every(RUN_KEEPER, self._keep, seconds=KEEP_SECONDS, busy=self._running)
        return run

    def detach(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` to its end, also when its request ends before; a drain waits for it. Await it
        through ``asyncio.shield``."""
        return self._background.start(DETACHED, work, awaited=True)

    def watch(self) -> None:
        """Look for answers of dead workers from now on."""
        search = partial(search_abandoned, self.log)
        self._background.every("run recovery", search, seconds=SEARCH_SECONDS)

    def running(self, message: UUID) -> Run | None:
        """The run, if this process owns it."""
        return self._running.get(message)

    def follow(self, *, user: int, message: UUID, origin: str, after: int = 0) -> EventStream:
        """The events after number ``after``, to the terminal one: by the run itself in this process, else
        by its log or the stored message. Raises ``NotFound``, and ``BadRequest`` for a number beyond
        the end, with the first batch."""
        run = self._running.get(message)
        if run is not None and run.turn.user == user:
            return run.follow(after)
        return follow_elsewhere(self.log, user, message, origin, after)

    async def wait(self, message: UUID) -> None:
        """Wait for the end of a run, if this process owns it."""
        if task := self._tasks.get(message):
            await asyncio.wait({task})

    async def stop(self, message: UUID) -> None:
        """End a run here or, through Redis, on another worker. Raises ``RunLogUnavailable``."""
        if not self._stop_here(message):
            await self.log.ask_stop(message)

    def _stop_here(self, message: UUID) -> bool:
        run = self._running.get(message)
        if run is None:
            return False
        if not run.stop_asked and not run.finishing:
            run.stop_asked = True
            self._cancel(message)
        return True

    @property
    def draining(self) -> bool:
        """Whether the process is about to end: no run begins any more."""
        return self._draining is not None

    def begin_drain(self, grace: float) -> asyncio.Task[None]:
        """Start no more runs, let those under way finish for ``grace`` seconds, then end the rest as
        interrupted. Calling it again returns the same task."""
        if self._draining is None:
            self._draining = self._background.start("drain", self._drain(grace))
        return self._draining

    async def _drain(self, grace: float) -> None:
        # First the requests that are still being stored: each may yet start a run.
        await self._background.wait(DETACHED, seconds=grace)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace)
        for message, task in self._tasks.items():
            run = self._running[message]
            # A run whose end was sent only waits for the database; recovery reads its log.
            if run.ended or not run.finishing:
                task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _own(self, run: Run) -> None:
        translation.activate(run.turn.language)  # of this task alone
        try:
            await self._lifecycle.own(run)
        finally:
            del self._running[run.turn.message], self._tasks[run.turn.message]

    async def _keep(self) -> None:
        """Renew leases and obey stop requests, after every pause while anything runs.

        The pause comes first: most short answers end without a lease, and recovery ends none so young.
        """
        before, self._renewed_at = self._renewed_at, time.monotonic()
        if self._renewed_at - before > PAUSED_SECONDS:
            self._interrupt()
        with suppress(RunLogUnavailable):  # without Redis no other worker can ask or notice either
            await self._renew()

    def _interrupt(self) -> None:
        # Other workers took this process for dead, and its runs are no longer its own. To ask first
        # would take too long: time-outs that ran out meanwhile have the next model asked at once.
        _log.warning("paused for longer than a lease", answers=len(self._running))
        for message in self._running:
            self._cancel(message)

    async def _renew(self) -> None:
        running = self._unsettled()
        leases = await self.log.renew(running, lease_seconds=LEASE_SECONDS)
        for message in running - self._unsettled():
            # It ended during the renewal, which may have come after its own release.
            await self.log.release(message)
        for message in leases.to_stop:
            self._stop_here(message)
        lost = leases.unheld & self._leased
        self._leased = running
        for message in lost:
            await self._fence(message)

    def _unsettled(self) -> set[UUID]:
        return {message for message, run in self._running.items() if not run.settled}

    async def _fence(self, message: UUID) -> None:
        """Fencing: a lease ran out, because this process was paused or Redis was emptied. If another
        worker ended the answer meanwhile, the run ends too, and its text since then is not leases."""
        run = self._running.get(message)
        if run and not run.turn.kept:
            return  # no row: no other worker can have ended it
        with suppress(DatabaseError):  # asked again when the answer is stored
            if await in_database(selectors.answer_is_streaming, message=message):
                return
            _log.warning("an answer was ended elsewhere", message=str(message))
            self._cancel(message)

    def _cancel(self, message: UUID) -> None:
        run = self._running.get(message)
        if run and not run.finishing:
            self._tasks[message].cancel()
