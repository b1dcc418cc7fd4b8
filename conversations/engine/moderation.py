"""Moderation: a provider's word on a run's prompt, asked beside all that the run does anyway.

Gate: where the word may refuse, all that the run would send or store waits in ``HeldSink`` until the word is
there, and streams from then on. A refusal cancels the run and drops all of it, so no part of an answer is seen,
whichever node made it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from conversations.engine.events import Decided, Event
from conversations.engine.steps import step
from conversations.engine.types import Degraded, Record, Turn
from routing.domain.errors import ModerationUnavailable
from routing.domain.guard import GuardReport
from routing.domain.moderation import ModerationReport

if TYPE_CHECKING:
    from conversations.engine.ports import DeferredWork, Moderator, Sink

PASSED = ModerationReport()


@dataclass(slots=True)
class _Waiting:
    events: list[Event]
    deferred: list[DeferredWork]
    follow_ups: list[DeferredWork]


class HeldSink:
    """Sink of a run whose events and work wait while it is held. Records pass: money was spent for them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: _Waiting | None = None
        self._report = PASSED

    def hold(self) -> None:
        """Let nothing pass from now on."""
        self._waiting = _Waiting([], [], [])

    def release(self, report: ModerationReport) -> None:
        """Pass on all that has waited, and the rest as it comes. A decision from now on tells of the report."""
        waiting, self._waiting, self._report = self._waiting, None, report
        for event in waiting.events if waiting else ():
            self.emit(event)
        for work in waiting.deferred if waiting else ():
            self._sink.defer(work)
        for work in waiting.follow_ups if waiting else ():
            self._sink.follow_up(work)

    def emit(self, event: Event) -> None:
        """As ``Sink``."""
        if self._waiting is not None:
            self._waiting.events.append(event)
        elif isinstance(event, Decided):
            self._sink.emit(replace(event, guard=self._report.added_to(event.guard)))
        else:
            self._sink.emit(event)

    def note(self, record: Record) -> None:
        """As ``Sink``."""
        self._sink.note(record)

    def defer(self, work: DeferredWork) -> None:
        """As ``Sink``."""
        if self._waiting is None:
            self._sink.defer(work)
        else:
            self._waiting.deferred.append(work)

    def follow_up(self, work: DeferredWork) -> None:
        """As ``Sink``."""
        if self._waiting is None:
            self._sink.follow_up(work)
        else:
            self._waiting.follow_ups.append(work)


class Moderation:
    """The word on one run's prompt; ``close`` it at the end of the run. ``sink`` is the one for the run's nodes."""

    def __init__(self, moderator: Moderator, sink: Sink) -> None:
        self._moderator, self._sink = moderator, sink
        self.sink = HeldSink(sink)
        self._task: asyncio.Task[ModerationReport] | None = None
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._guard = GuardReport("pass")

    def start(self, turn: Turn, guard: GuardReport) -> None:
        """Ask about a prompt that the guard let pass, with its report. Never waits."""
        self._guard = guard
        if self._moderator.terms.holds:
            self.sink.hold()
        pictures = turn.chat.addresses if turn.chat else ()
        self._task = asyncio.create_task(self._look(turn.prompt, pictures), name="moderation")

    async def verdict(self) -> ModerationReport:
        """Wait for the word; none is needed of a prompt that was not asked about."""
        # The word is for all who wait: one who leaves does not take it along.
        return await asyncio.shield(self._task) if self._task else PASSED

    async def cleared(self) -> None:
        """Wait until the prompt may be answered, where that depends on the word: for work that costs as much
        when it is cancelled. Does not return for a refused one, whose run is about to be cancelled."""
        if self._moderator.terms.holds and self._stops(await self.verdict()):
            await asyncio.Event().wait()

    @property
    def passed(self) -> bool:
        """Whether the answer may be kept for others; known at the end of the run."""
        task = self._task
        if task is None:
            return True
        # Cancelled: the run was stopped before the word.
        return task.done() and not (task.cancelled() or task.exception()) and task.result().passed

    async def over(self, work: Coroutine[Any, Any, Any]) -> tuple[Any, ModerationReport]:
        """Run ``work`` to its end, and the word with it: the result, ``None`` for a refused prompt, of which the
        work is cancelled. Raises the errors of the work, and ``ModerationUnavailable`` without a word that is
        required."""
        run, result = asyncio.ensure_future(work), None
        try:
            await asyncio.wait({run, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not self._stopped.done():
                result = await run
            report = await self.verdict()
            if report.refused:
                return None, report
            if self._stops(report):
                raise ModerationUnavailable(report.detail)
        finally:
            await _end(run)
        return result, report

    @property
    def guard(self) -> GuardReport:
        """The guard's report on the prompt, from before the word."""
        return self._guard

    async def close(self) -> None:
        """End the call, if it is still under way."""
        if self._task:
            await _end(self._task)

    async def _look(self, prompt: str, pictures: Sequence[str]) -> ModerationReport:
        with step(self._sink, "moderate", "guardrail", prompt) as opened:
            report = await self._moderator.look(prompt, pictures, opened.meter)
            opened.output = report.as_json()
        if report.away:
            self._sink.note(Degraded(ModerationUnavailable.part, report.detail))
        # Here, not at the end of the run: the answer streams from the word on.
        if not self._stops(report):
            self.sink.release(report)
        elif not self._stopped.done():
            self._stopped.set_result(None)
        return report

    def _stops(self, report: ModerationReport) -> bool:
        return report.refused or (report.away and self._moderator.terms.required)


async def _end(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # it was raised where somebody waited for it
