"""The owner of runs: starts them detached from any request, sees each to its one honest end."""

from __future__ import annotations

import asyncio
import contextvars
import time
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.db import DatabaseError

from conversations import selectors, services
from conversations.engine.events import Event, Failed, Finished
from conversations.engine.ports import Tracer
from conversations.engine.runner import Engine
from conversations.engine.steps import tolerated
from conversations.engine.types import TraceRecord, Turn
from conversations.errors import NotFound, RunInterrupted, RunLogUnavailable
from conversations.problems import Problem, problem_of
from conversations.representations import message_object
from conversations.runs.abandoned import LEASE_SECONDS, search_abandoned
from conversations.runs.database import in_database
from conversations.runs.log import RunLog
from conversations.runs.outcome import outcome_of
from conversations.runs.reading import spoken
from conversations.runs.run import Run
from routing.errors import AssistantError

_log = structlog.get_logger("assistant.runs")

KEEP_SECONDS = 0.4
"""How often leases are renewed and stop requests looked for: well under the promised second."""
LOG_EVERY_SECONDS = 0.025


class Meter(Protocol):
    """Counts runs for the metrics."""

    def run_started(self) -> None:
        """One more under way."""

    def run_ended(self) -> None:
        """One fewer."""

    def observe(self, trace: TraceRecord) -> None:
        """A finished run's facts."""


class Runs:
    """The runs of this process."""

    def __init__(self, engine: Engine, log: RunLog, tracer: Tracer, meter: Meter) -> None:
        self._engine, self.log = engine, log
        self._tracer, self._meter = tracer, meter
        self._running: dict[UUID, Run] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._search: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None

    def start(self, turn: Turn) -> Run:
        """Begin answering. The task belongs to the process: a client that leaves changes nothing."""
        run = Run(turn)
        self._running[turn.message] = run
        # A fresh context: the request's carries a database thread that ends with the request.
        self._tasks[turn.message] = asyncio.get_running_loop().create_task(
            self._own(run), name=f"run {turn.message}", context=contextvars.Context()
        )
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.get_running_loop().create_task(
                self._keep(), name="run keeper", context=contextvars.Context()
            )
        return run

    def watch(self) -> None:
        """Look for answers of dead workers from now on."""
        self._search = asyncio.get_running_loop().create_task(
            search_abandoned(self.log), name="search for abandoned answers"
        )

    def running(self, message: UUID) -> Run | None:
        """The run, if this process owns it."""
        return self._running.get(message)

    async def stop(self, message: UUID) -> None:
        """End a run here or, by word through Redis, wherever it is. Raises ``RunLogUnavailable``."""
        if not self._stop_here(message):
            await self.log.ask_stop(message)

    def _stop_here(self, message: UUID) -> bool:
        run, task = self._running.get(message), self._tasks.get(message)
        if run is None or task is None:
            return False
        if not run.stop_asked and run.answer is None:
            run.stop_asked = True
            task.cancel()
        return True

    @property
    def draining(self) -> bool:
        """Whether the process is about to end: no run begins any more."""
        return self._draining is not None

    def begin_drain(self, grace: float) -> asyncio.Task[None]:
        """Start no more runs, let those under way finish for ``grace`` seconds, then end the rest as
        interrupted. Calling it again returns the same task."""
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(
                self._drain(grace), name="drain", context=contextvars.Context()
            )
        return self._draining

    async def _drain(self, grace: float) -> None:
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        helpers = [task for task in (self._keeper, self._search) if task]
        for task in helpers:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)

    async def _own(self, run: Run) -> None:
        """Answer, store, tell the end: in this order, whatever happens on the way."""
        structlog.contextvars.bind_contextvars(
            request_id=run.turn.request_id, message=str(run.turn.message)
        )
        self._meter.run_started()
        writer = asyncio.create_task(self._write_log(run), name=f"log {run.turn.message}")
        try:
            error = await self._answer(run)
            terminal = await asyncio.shield(self._finish(run, error))
            run.emit(terminal)
            await writer
        finally:
            writer.cancel()
            self._meter.run_ended()
            del self._running[run.turn.message], self._tasks[run.turn.message]
            with suppress(RunLogUnavailable):  # then it expires
                await self.log.release(run.turn.message)

    async def _answer(self, run: Run) -> AssistantError | None:
        try:
            run.answer = await self._engine.answer(run.turn, run)
        except AssistantError as error:
            _log.warning("run failed", code=error.code, error=str(error))
            return error
        except asyncio.CancelledError:
            # Ours to handle: a person's stop, or the end of the process. The task goes on to store.
            return await self._cut_short(run)
        except Exception:  # noqa: BLE001 - a bug in a node must still end the person's stream
            _log.exception("run crashed")
            return AssistantError("crashed")
        finally:
            run.flush()
        return None

    async def _cut_short(self, run: Run) -> AssistantError | None:
        run.flush()
        if not run.stop_asked:
            return RunInterrupted()
        await self._engine.remember_partial(run.turn, run, spoken(run.events))
        return None

    async def _finish(self, run: Run, error: AssistantError | None) -> Event:
        """Store the outcome, feed trace and metrics, and return the terminal event."""
        outcome = outcome_of(run, self._problem(run, error) if error else None)
        try:
            stored, elsewhere = await in_database(_store, run.turn, outcome)
        except (DatabaseError, NotFound) as exc:
            _log.error("answer not stored", error=f"{type(exc).__name__}: {exc}")
            lost = exc if isinstance(exc, NotFound) else AssistantError("not stored")
            error = error or lost
            stored, elsewhere = {}, None
        trace = _trace(run, outcome, error)
        self._tracer.record(trace)
        self._meter.observe(trace)
        if error:
            return Failed(self._problem(run, error))
        return Failed(elsewhere) if elsewhere else Finished(stored)

    @staticmethod
    def _problem(run: Run, error: AssistantError) -> Problem:
        return problem_of(
            error,
            instance=f"/api/v1/messages/{run.turn.message}/",
            request_id=run.turn.request_id,
        )

    async def _write_log(self, run: Run) -> None:
        """Copy events to Redis as they come, several at a time; what Redis missed is sent again."""
        written = 0
        while True:
            await run.wait_beyond(written, seconds=3600)
            # Read before the batch is taken: an end that comes later is in the next batch.
            ended = run.ended
            batch = run.events[written:]
            with tolerated(run):
                await self.log.append(run.turn.message, written + 1, batch)
                written += len(batch)
            if ended:
                # Should Redis not have taken the last events: the stored message has them all.
                return
            await asyncio.sleep(LOG_EVERY_SECONDS)

    async def _keep(self) -> None:
        """Renew leases and obey stop requests while anything runs."""
        while self._running:
            with suppress(RunLogUnavailable):  # without Redis nobody else can ask or notice either
                for message in await self.log.keep(
                    list(self._running), lease_seconds=LEASE_SECONDS
                ):
                    self._stop_here(message)
            await asyncio.sleep(KEEP_SECONDS)


def _store(turn: Turn, outcome: services.Outcome) -> tuple[dict[str, Any], Problem | None]:
    """Store the outcome; returns the message object, and the problem under which somebody else ended
    the answer meanwhile. Raises ``NotFound`` when it was deleted."""
    stored = services.answer_finish(message=turn.message, outcome=outcome)
    message = selectors.message_get(user=turn.user, message=turn.message)
    return message_object(message, origin=turn.origin), None if stored else message.problem


def _trace(run: Run, outcome: services.Outcome, error: AssistantError | None) -> TraceRecord:
    return TraceRecord(
        turn=run.turn,
        started_ns=run.started_ns,
        ended_ns=time.time_ns(),
        status=outcome.status,
        content=outcome.content,
        steps=tuple(run.steps),
        decision=outcome.decision,
        guard=outcome.guard,
        cache=outcome.cache,
        usage=outcome.usage,
        error=f"{type(error).__name__}: {error}" if error else "",
        degraded=tuple(run.degraded),
    )
