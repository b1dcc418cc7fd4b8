"""The life of one run: answer, store, tell the end, in this order and whatever happens on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.db import DatabaseError

from conversations import services
from conversations.engine.events import Event, Failed, Finished
from conversations.engine.ports import Shadow, Tracer
from conversations.engine.runner import Engine
from conversations.engine.steps import tolerated
from conversations.engine.types import Degraded, TraceRecord
from conversations.errors import (
    DatabaseAway,
    NotFound,
    RunInterrupted,
    RunLogUnavailable,
)
from conversations.problems import Problem, problem_of
from conversations.runs.log import RunLog
from conversations.runs.outcome import failed, outcome_of
from conversations.runs.reading import spoken
from conversations.runs.run import Run
from conversations.runs.storing import store, store_late
from routing.errors import AssistantError

_log = structlog.get_logger("assistant.runs")

LOG_EVERY_SECONDS = 0.025
LOG_AGAIN_SECONDS = 1.0
"""Until a batch that Redis did not take is offered again."""

Forget = Callable[[UUID, Sequence[UUID]], Awaitable[None]]


class Meter(Protocol):
    """Counts runs for the metrics."""

    def run_started(self) -> None:
        """One more under way."""

    def run_ended(self) -> None:
        """One fewer."""

    def observe(self, trace: TraceRecord) -> None:
        """A finished run's facts."""


class Answering:
    """Sees runs to their one terminal event. ``forget`` takes a deleted conversation's traces away."""

    def __init__(
        self,
        engine: Engine,
        log: RunLog,
        *,
        tracer: Tracer,
        meter: Meter,
        forget: Forget,
        shadow: Shadow,
    ) -> None:
        self._engine, self.log = engine, log
        self._tracer, self._meter, self._forget = tracer, meter, forget
        self._shadow = shadow

    async def own(self, run: Run) -> None:
        """Run the turn to its end. Cancelling it before ``run.finishing`` ends the answer early;
        afterwards nobody may."""
        structlog.contextvars.bind_contextvars(
            request_id=run.turn.request_id, message=str(run.turn.message)
        )
        self._meter.run_started()
        writer = asyncio.create_task(self._write_log(run), name=f"log {run.turn.message}")
        try:
            error = await self._answer(run)
            run.emit(await self._finish(run, error))
            await writer
            if run.owed:
                await store_late(run.turn, run.owed)
            if run.shadowed and not error:
                self._shadow.decide(run.turn, run.shadowed)
        finally:
            writer.cancel()
            self._meter.run_ended()
            with suppress(RunLogUnavailable):  # then it expires
                await self.log.release(run.turn.message)
            await self._engine.landed(run.turn)

    async def _answer(self, run: Run) -> AssistantError | None:
        try:
            run.answer = await self._engine.answer(run.turn, run)
        except AssistantError as error:
            _log.warning("run failed", code=error.code, error=str(error))
            if error.part:
                run.note(Degraded(error.part, str(error)))
            return error
        except asyncio.CancelledError:
            # Ours to handle: a person's stop, or the end of the process. The task goes on to store.
            run.finishing = True
            run.flush()
            if not run.stop_asked:
                return RunInterrupted()
            await self._engine.remember_partial(run.turn, run, spoken(run.events))
        except Exception:  # noqa: BLE001 - a bug in a node must still end the person's stream
            _log.exception("run crashed")
            return AssistantError("crashed")
        finally:
            run.finishing = True
            run.flush()
        return None

    async def _finish(self, run: Run, error: AssistantError | None) -> Event:
        """Store the outcome, feed trace and metrics, and return the terminal event."""
        try:
            return await self._stored(run, error)
        except Exception:  # noqa: BLE001 - without a terminal event its listeners wait for ever
            _log.exception("answer not stored")
            return Failed(self._problem(run, AssistantError("not stored")))

    async def _stored(self, run: Run, error: AssistantError | None) -> Event:
        outcome = outcome_of(run, self._problem(run, error) if error else None)
        finished: dict[str, Any] = {}
        elsewhere: Problem | None = None
        try:
            finished, elsewhere = await store(run, outcome)
        except NotFound as exc:
            # Deleted meanwhile: what the run wrote after the deletion goes too.
            await self._forget(run.turn.conversation, [run.turn.message])
            error = error or exc
        except DatabaseError as exc:
            _log.error("answer not stored", error=f"{type(exc).__name__}: {exc}")
            error = error or DatabaseAway()
            outcome = run.owed = failed(outcome, self._problem(run, error))
        trace = _trace(run, outcome, error)
        self._tracer.record(trace)
        self._meter.observe(trace)
        if elsewhere:  # what is stored is what everybody else is told
            return Failed(elsewhere)
        return Failed(self._problem(run, error)) if error else Finished(finished)

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
            batch, pause = run.events[written:], LOG_AGAIN_SECONDS
            with tolerated(run):
                await self.log.append(run.turn.message, written + 1, batch)
                written, pause = written + len(batch), LOG_EVERY_SECONDS
            if ended:
                # Should Redis not have taken the last events: the stored message has them all.
                return
            await run.wait_end(pause)


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
