"""The life of one run: answer, store, tell the end, in this order and whatever happens on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.db import DatabaseError

from conversations.domain.errors import DatabaseAway, NotFound, RunInterrupted, RunLogUnavailable
from conversations.domain.outcome import Outcome
from conversations.domain.problems import Problem, problem_of
from conversations.engine.engine import Engine
from conversations.engine.events import Event, Failed, Finished
from conversations.engine.ports import DeferredWork, Shadow, Tracer
from conversations.engine.types import Degraded, TraceRecord
from conversations.runs.event_log import RunLog
from conversations.runs.event_queries import spoken
from conversations.runs.event_writer import Page, Scribe
from conversations.runs.outcome import failed, outcome_of
from conversations.runs.persistence import store, store_late
from conversations.runs.run import Run
from routing.common.tasks import Background
from routing.domain.errors import AssistantError

_log = structlog.get_logger("assistant.runs")


@dataclass(frozen=True, slots=True)
class _End:
    """The terminal event, and what is known of the run; a bug leaves nothing to be told of it."""

    event: Event
    outcome: Outcome | None = None
    error: AssistantError | None = None


SOON_SECONDS = 0.25
"""How long the end of an answer waits for its write-back, so that who asks the same again at once finds it
there. What takes longer is done behind the listener's back."""

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
        background: Background,
    ) -> None:
        self._engine, self.log = engine, log
        self._scribe = Scribe(log, background)
        self._tracer, self._meter, self._forget = tracer, meter, forget
        self._shadow, self._background = shadow, background

    async def own(self, run: Run) -> None:
        """Run the turn to its end. Cancelling it before ``run.finishing`` ends the answer early;
        afterwards nobody may."""
        structlog.contextvars.bind_contextvars(
            request_id=run.turn.request_id, message=str(run.turn.message)
        )
        self._meter.run_started()
        page = self._scribe.open(run)
        try:
            error = await self._answer(run)
            async with asyncio.TaskGroup() as beside:
                written_back = beside.create_task(_write_back(run))
                end = await self._finish(run, error)
                await asyncio.wait({written_back}, timeout=SOON_SECONDS)
                if written_back.done():
                    # Nobody need follow it any more: it is found in the cache. Who follows hears the end.
                    await self._engine.release_claim(run.turn)
                run.emit(end.event)
                if told := written_back.done():
                    self._tell(run, end)
                if run.shadowed and not error:
                    self._shadow.decide(run.turn, run.shadowed)
            if not told:
                self._tell(run, end)
            self._follow_up(run)
            await page.closed
            if run.owed:
                await store_late(run.turn, run.owed)
        finally:
            self._scribe.drop(page)
            self._meter.run_ended()
            await self._leave(run, page)
            await self._engine.release_claim(run.turn)

    def _tell(self, run: Run, end: _End) -> None:
        """Feed trace and metrics."""
        run.settled = run.owed is None
        if end.outcome:
            trace = _trace(run, end.outcome, end.error)
            self._tracer.record(trace)
            self._meter.observe(trace)

    def _follow_up(self, run: Run) -> None:
        # Not part of the run: its lease, its slot in the drain and its metrics end without it.
        if run.follow_ups:
            work = _one_by_one(run.follow_ups)
            self._background.start("follow-ups", work, subject=run.turn.message, finish=True)

    async def _leave(self, run: Run, page: Page) -> None:
        """Give the lease up. Of an answer that was deleted just before it was written back, what was
        written goes too."""
        gone = page.gone
        if not page.released:
            with suppress(RunLogUnavailable):  # then it expires
                gone = await self.log.release(run.turn.message)
        if gone:
            await self._forget(run.turn.conversation, [run.turn.message])

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

    async def _finish(self, run: Run, error: AssistantError | None) -> _End:
        """Store the outcome, and say how it ends."""
        try:
            return await self._stored(run, error)
        except Exception:  # noqa: BLE001 - without a terminal event its listeners wait for ever
            _log.exception("answer not stored")
            return _End(Failed(self._problem(run, AssistantError("not stored"))))

    async def _stored(self, run: Run, error: AssistantError | None) -> _End:
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
        if elsewhere:  # what is stored is what everybody else is told
            event: Event = Failed(elsewhere)
        else:
            event = Failed(self._problem(run, error)) if error else Finished(finished)
        return _End(event, outcome, error)

    @staticmethod
    def _problem(run: Run, error: AssistantError) -> Problem:
        return problem_of(
            error,
            instance=f"/api/v1/messages/{run.turn.message}/",
            request_id=run.turn.request_id,
        )


async def _write_back(run: Run) -> None:
    """Do what the engine left to be done, while the answer is stored."""
    try:
        for work in run.deferred:
            await work()
    except Exception:  # noqa: BLE001 - what only spares later turns some work must not fail this one
        _log.exception("not written back")


async def _one_by_one(follow_ups: Sequence[DeferredWork]) -> None:
    for work in follow_ups:
        await work()


def _trace(run: Run, outcome: Outcome, error: AssistantError | None) -> TraceRecord:
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
