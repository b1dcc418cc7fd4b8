"""Run lifecycle: answer, store, send the end, in this order and whatever fails on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.db import DatabaseError

from conversations.db.access import AWAY, written
from conversations.domain.actor import caller_fields
from conversations.domain.errors import DatabaseAway, NotFound, RunInterrupted, RunLogUnavailable
from conversations.domain.outcome import RunOutcome
from conversations.domain.problems import Problem, problem_of
from conversations.engine.engine import Engine
from conversations.engine.events import Event, Failed, Finished
from conversations.engine.ports import DeferredWork, Shadow, Tracer
from conversations.engine.types import Degraded, TraceRecord, Turn
from conversations.models import Message
from conversations.runs.event_log import RunLog
from conversations.runs.event_writer import EventWriter, LogCursor
from conversations.runs.run import Run, text_of
from conversations.runs.write_behind import FIRST_PAUSE, LONGEST_PAUSE, WriteBehind
from conversations.storage import selectors, turns
from conversations.storage.representations import message_object
from conversations.storage.turns import EndedChat
from conversations.usage.reservations import Reservations
from routing.common.tasks import Background
from routing.domain.actions import ACTIONS
from routing.domain.errors import AssistantError

_log = structlog.get_logger("assistant.runs")

WRITE_BACK_SECONDS = 0.25
"""How long the end of an answer waits for memory and cache, so that the same question asked again at once
finds the answer there. A slower write goes on after the end."""
STORE_SECONDS = 15.0
"""How long listeners wait for the end of an answer that could not be stored at once."""

Forget = Callable[[UUID, Sequence[UUID]], Awaitable[None]]
Stored = tuple[dict[str, Any], Problem | None]
"""The message object, and the problem under which another worker ended the answer meanwhile."""


class Meter(Protocol):
    """Counts runs for the metrics."""

    def run_started(self) -> None:
        """One more under way."""

    def run_ended(self) -> None:
        """One fewer."""

    def observe(self, trace: TraceRecord) -> None:
        """A finished run's facts."""


@dataclass(frozen=True, slots=True)
class _End:
    """The terminal event, and the facts for trace and metrics; a bug leaves none."""

    event: Event
    outcome: RunOutcome | None = None
    error: AssistantError | None = None


class RunLifecycle:
    """Brings each run to its one terminal event. ``forget`` removes a deleted answer from Redis."""

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
        reservations: Reservations,
    ) -> None:
        self._engine, self.log = engine, log
        self._reservations = reservations
        self._writer = EventWriter(log, background)
        self._records = WriteBehind(background)
        self._tracer, self._meter, self._forget = tracer, meter, forget
        self._shadow, self._background = shadow, background

    @property
    def events_waiting(self) -> int:
        """Events of this process' runs that Redis does not have yet."""
        return self._writer.waiting

    async def own(self, run: Run) -> None:
        """Run the turn to its end. Cancelling it before ``run.finishing`` ends the answer early;
        afterwards it must not be cancelled."""
        structlog.contextvars.bind_contextvars(
            request_id=run.turn.request_id,
            message=str(run.turn.message),
            **caller_fields(run.turn.user, run.turn.key),
            **({"groups": sorted(run.booking.groups)} if run.booking.groups else {}),
        )
        self._meter.run_started()
        cursor = self._writer.open(run)
        try:
            error = await self._answer(run)
            # Memory and cache are written while the database stores the outcome.
            async with asyncio.TaskGroup() as group:
                write_back = {group.create_task(_write_back(run))} if run.deferred else set()
                end = await self._finish(run, error)
                if run.reservation and not run.unstored:
                    # It goes to Redis with the end, which is told afterwards: the next request finds room.
                    run.settlement = self._reservations.settlement(run.reservation, run.attempts)
                if write_back:
                    await asyncio.wait(write_back, timeout=WRITE_BACK_SECONDS)
                in_cache = all(task.done() for task in write_back)
                if in_cache:
                    # The claim goes before the end is sent: the cache has the entry, and a question that
                    # comes right after the end must find it there instead of following this run.
                    await self._engine.release_claim(run.turn)
                run.emit(end.event)
                if in_cache:
                    self._record(run, end)
                if run.shadowed and not error:
                    self._shadow.decide(run.turn, run.shadowed)
            if not in_cache:
                # The trace has the steps of the write-back too, so it waits for them.
                self._record(run, end)
            self._follow_up(run)
            await cursor.closed
            if run.unstored:
                await store_late(run.turn, run.unstored)
        finally:
            self._writer.drop(cursor)
            self._meter.run_ended()
            await self._settle(run)
            await self._leave(run, cursor)
            # Again, for every way out above: a claim that is left delays the question until it expires.
            await self._engine.release_claim(run.turn)

    async def _settle(self, run: Run) -> None:
        """Put the run's cost in the place of its reservation, where that did not go with the end."""
        if run.reservation:
            await self._reservations.settle(run.reservation, run.attempts)
        self._reservations.note_booked(run.booking, run.reservation)

    def _record(self, run: Run, end: _End) -> None:
        """Feed trace and metrics."""
        run.settled = run.unstored is None
        if end.outcome:
            trace = trace_record(run, end.outcome, end.error)
            self._tracer.record(trace)
            self._meter.observe(trace)

    def _follow_up(self, run: Run) -> None:
        # Not part of the run: its lease, its place in the drain and its metrics end without it.
        if run.follow_ups:
            work = _one_by_one(run.follow_ups)
            self._background.start("follow-ups", work, subject=run.turn.message, finish=True)

    async def _leave(self, run: Run, cursor: LogCursor) -> None:
        """Give the lease up. If the answer was deleted just before its write-back, that is deleted too."""
        gone = cursor.gone
        if not cursor.released:
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
            await self._engine.remember_partial(run.turn, run, text_of(run.events))
        except Exception:  # noqa: BLE001 - a bug in a node must still end the person's stream
            _log.exception("run crashed")
            return AssistantError("crashed")
        finally:
            run.finishing = True
            run.flush()
        return None

    async def _finish(self, run: Run, error: AssistantError | None) -> _End:
        """Store the outcome, and choose the terminal event."""
        try:
            return await self._store(run, error)
        except Exception:  # noqa: BLE001 - without a terminal event its listeners wait for ever
            _log.exception("answer not stored")
            return _End(Failed(_problem(run, AssistantError("not stored"))))

    async def _store(self, run: Run, error: AssistantError | None) -> _End:
        outcome = run.outcome(_problem(run, error) if error else None)
        message: dict[str, Any] = {}
        ended_elsewhere: Problem | None = None
        try:
            message, ended_elsewhere = await self._stored(run, outcome)
        except NotFound as exc:
            # Deleted meanwhile: its traces in Redis since the deletion go too.
            await self._forget(run.turn.conversation, [run.turn.message])
            error = error or exc
        except DatabaseError as exc:
            _log.error("answer not stored", error=f"{type(exc).__name__}: {exc}")
            error = error or DatabaseAway.of(exc)
            # The listeners are told of a failure, so that is stored later; the text is kept.
            outcome = run.unstored = replace(
                outcome,
                status=Message.Status.FAILED,
                problem=_problem(run, error),
                finish_reason="error",
            )
        if ended_elsewhere:  # all listeners are told the stored end
            event: Event = Failed(ended_elsewhere)
        else:
            event = Failed(_problem(run, error)) if error else Finished(message)
        return _End(event, outcome, error)

    async def _stored(self, run: Run, outcome: RunOutcome) -> Stored:
        """As ``store``, or soon after the end where nothing that is told of it depends on that."""
        begun = run.turn.begun
        if begun and not (run.turn.kept or run.reservation or _shows_rows(outcome)):
            self._records.put(EndedChat(run.turn.message, outcome, begun))
            return _chat_object(run, outcome, begun), None
        return await store(run, outcome)


def _problem(run: Run, error: AssistantError) -> Problem:
    instance = f"/api/v1/messages/{run.turn.message}/"
    return problem_of(error, instance=instance, request_id=run.turn.request_id)


async def _write_back(run: Run) -> None:
    try:
        await _one_by_one(run.deferred)
    except Exception:  # noqa: BLE001 - it only spares later turns work, and must not fail this one
        _log.exception("not written back")


async def _one_by_one(works: Sequence[DeferredWork]) -> None:
    for work in works:
        await work()


async def store(run: Run, outcome: RunOutcome) -> Stored:
    """Store the outcome, again and again for STORE_SECONDS while the database is away. Raises
    ``NotFound`` when the answer was deleted, and ``DatabaseError``."""
    deadline, pause = time.monotonic() + STORE_SECONDS, FIRST_PAUSE
    while True:
        # Taken before the try: a process that was paused during it knows the delay by its clock alone.
        last = time.monotonic() > deadline
        try:
            return await written(_finish_and_read, run, outcome)
        except AWAY as exc:
            run.note(Degraded(DatabaseAway.part, str(exc)))
            if last:
                raise
            _log.warning("the answer is stored again soon", error=f"{type(exc).__name__}: {exc}")
            await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def store_late(turn: Turn, outcome: RunOutcome) -> None:
    """Store an outcome that the listeners know already, however long the database is away."""
    finish = partial(turns.answer_finish if turn.kept else turns.chat_finish, outcome=outcome)
    while True:
        try:
            await written(finish, message=turn.message, started=turn.begun)
        except AWAY:
            await asyncio.sleep(LONGEST_PAUSE)
        except DatabaseError as exc:
            _log.error("answer not stored", error=f"{type(exc).__name__}: {exc}")
            return
        else:
            return


def _finish_and_read(run: Run, outcome: RunOutcome) -> Stored:
    turn = run.turn
    if turn.begun and not turn.kept:
        turns.chat_finish(message=turn.message, outcome=outcome, started=turn.begun)
        return _chat_object(run, outcome, turn.begun), None
    stored = turns.answer_finish(message=turn.message, outcome=outcome, started=turn.begun)
    if stored and turn.begun and not _shows_rows(outcome):
        # The row need not be read back: all its fields were stored just now.
        row = turns.ended_answer(turn, turn.begun, outcome)
        return message_object(row, origin=turn.origin), None
    message = selectors.message_get(user=turn.user, message=turn.message)
    return message_object(message, origin=turn.origin), None if stored else message.problem


def _shows_rows(outcome: RunOutcome) -> bool:
    """Whether the message object has rows of an action beside the message's own, as a picture's."""
    return bool(outcome.decision and ACTIONS[outcome.decision.action].attachment)


def _chat_object(run: Run, outcome: RunOutcome, started: datetime) -> dict[str, Any]:
    """The message object of an answer that no conversation keeps."""
    row = turns.ended_answer(run.turn, started, outcome)
    picture = run.answer and run.answer.image
    shown = message_object(row, origin=run.turn.origin)
    return shown | {"image": asdict(picture) if picture else None}


def trace_record(run: Run, outcome: RunOutcome, error: AssistantError | None) -> TraceRecord:
    """The run's facts for tracing and metrics."""
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
