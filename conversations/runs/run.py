"""Run: one turn under way in this process, with its events, its listeners and its records.

A run is its own ``Sink``. Listeners read the list of events at their own pace by position, so a slow
listener costs no copy and delays no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import assert_never

from conversations.domain.booking import Account, Booking
from conversations.domain.errors import BadRequest
from conversations.domain.outcome import RunOutcome
from conversations.domain.problems import Problem
from conversations.engine.events import Decided, Event, Failed, Finished, Reset, Started, Token
from conversations.engine.ports import DeferredWork
from conversations.engine.types import (
    Answer,
    CacheFacts,
    Degraded,
    Record,
    Shadowed,
    Speculated,
    Step,
    Turn,
)
from conversations.models import Message
from conversations.runs.event_codec import Numbered, script_of
from conversations.usage.reservation import Reservation
from routing.common.redis.direct import AttachedCommand
from routing.common.time_limits import TimeLimit
from routing.common.translatable import Translatable
from routing.domain.errors import FieldFault
from routing.domain.llm import BESIDE, Attempt, Usage

IDLE_SECONDS = 10.0
"""Silence after which a listener gets an empty batch, to send a keep-alive."""
BATCH = 50
"""Events in a batch, at most: a long stored answer must not hold the event loop."""

EventStream = AsyncGenerator[Sequence[Numbered], None]
"""Batches of numbered events in order: those that are there at the same time; empty after a silence."""


class Run:
    """A turn being answered in this process. Event ``n`` of the contract is ``events[n - 1]``."""

    def __init__(self, turn: Turn, reservation: Reservation | None = None) -> None:
        self.turn, self.reservation = turn, reservation
        self.started_ns = time.time_ns()
        self.events: list[Event] = []
        self.steps: list[Step] = []
        self.attempts: list[Attempt] = []
        self.degraded: list[Degraded] = []
        self.answer: Answer | None = None
        self.shadowed: Shadowed | None = None
        self.speculated: Speculated | None = None
        self.first_token_ms: int | None = None
        self.stop_asked = False
        self.finishing = False
        """Whether the answer is over, and only to be stored and sent: from then on no cancellation."""
        self.unstored: RunOutcome | None = None
        """The outcome that the listeners know already, and that the database has yet to store."""
        self.deferred: list[DeferredWork] = []
        """Work that the engine left for the time in which the answer is stored."""
        self.follow_ups: list[DeferredWork] = []
        """Work that the engine left for the time after the end was sent."""
        own = Booking(account_of(turn), turn.begun or datetime.now(UTC))
        self.booking = reservation.booking if reservation else own
        self.settled = False
        """Whether the end was sent and is stored."""
        self.settlement: AttachedCommand | None = None
        """The command that settles the reservation; the log's writer sends it with the end."""
        self.on_event: Callable[[], None] = self.tell
        """Called with each event; tells the listeners, or sees to it that they are told."""
        self._told = 0
        self._fenced = False
        self._started = time.perf_counter()
        self._pending: list[str] = []
        self._waiters: set[asyncio.Future[None]] = set()
        # Told with the next one, or when it is in the log.
        self.events.append(Started(turn.conversation, turn.message, turn.user_message))

    def emit(self, event: Event) -> None:
        """Send an event to the listeners. Tokens that arrive in one turn of the event loop go as one."""
        if isinstance(event, Token):
            self._take_text(event.text)
            return
        self.flush()
        self._append(event)

    def note(self, record: Record) -> None:
        """Keep a record for the end of the run."""
        match record:
            case Step():
                self.steps.append(record)
            case Attempt():
                self.attempts.append(record)
            case Shadowed():
                self.shadowed = record
            case Speculated():
                self.speculated = record
            case Degraded():
                if record.part not in {known.part for known in self.degraded}:
                    self.degraded.append(record)
            case _:
                assert_never(record)

    def defer(self, work: DeferredWork) -> None:
        """Keep work for the time in which the answer is stored."""
        self.deferred.append(work)

    def follow_up(self, work: DeferredWork) -> None:
        """Keep work for the time after the end was sent."""
        self.follow_ups.append(work)

    def flush(self) -> None:
        """Emit the text that waits, if any."""
        if self._pending:
            text = "".join(self._pending)
            self._pending.clear()
            self._append(Token(text))

    def tell(self, number: int | None = None) -> None:
        """Let the listeners have the events up to ``number``, or all."""
        before = self._told
        self._told = max(before, len(self.events) if number is None else number)
        if self._told == before:
            return  # a listener that is woken without an event would take it for a silence
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def fence(self, number: int) -> None:
        """Fencing: another worker ended the answer after event ``number``. Later events that no listener
        has heard are dropped, and of those still emitted only the end is kept."""
        self._fenced = True
        self.tell(min(number, len(self.events)))
        unheard = self.events[self._told :]
        self.events[self._told :] = [event for event in unheard if is_terminal(event)]

    async def follow(self, after: int = 0) -> EventStream:
        """The events after number ``after``, to the terminal one. Many may follow, each at its own
        pace. Raises ``BadRequest`` for a number beyond the last event."""
        if after > len(self.events):
            raise beyond_the_end(after, len(self.events))
        position, limit = after, TimeLimit()
        try:
            while not (self.ended and position >= len(self.events)):
                if not await self._wait_beyond(position, limit):
                    yield ()
                    continue
                events = self.events[position : min(position + BATCH, self._told)]
                if not events:
                    continue  # told, but not yet beyond its position: no silence
                yield list(enumerate(events, start=position + 1))
                position += len(events)
                if len(events) == BATCH:
                    await asyncio.sleep(0)
        finally:
            limit.close()

    @property
    def ended(self) -> bool:
        """Whether the terminal event was emitted."""
        return is_terminal(self.events[-1])

    @property
    def usage(self) -> Usage:
        """The sum over the answer's calls; the choice of the model and calls ahead of it are no part of the answer."""
        usages = (one.usage for one in self.attempts if one.operation not in BESIDE)
        return sum(usages, Usage())

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the run began."""
        return round((time.perf_counter() - self._started) * 1000)

    def outcome(self, problem: Problem | None) -> RunOutcome:
        """The outcome of a run that answered, was stopped, or failed with ``problem``."""
        facts = self.answer or decided_event(self.events)
        status = Message.Status.FAILED if problem else Message.Status.COMPLETE
        if self.answer is None and problem is None:
            status = Message.Status.STOPPED
        return RunOutcome(
            status=status,
            content=self.answer.content if self.answer else text_of(self.events),
            decision=facts.decision if facts else None,
            cache=facts.cache if facts else CacheFacts(),
            guard=facts.guard if facts else None,
            usage=self.usage,
            finish_reason=self._finish_reason(problem),
            first_token_ms=self.first_token_ms,
            total_ms=self.elapsed_ms,
            attempts=self.attempts,
            degraded=self.degraded,
            script=script_of(self.events),
            problem=problem,
            booking=self.booking,
            speculated=self.speculated,
            thinking=self.answer.thinking if self.answer and self._is_response else (),
        )

    @property
    def _is_response(self) -> bool:
        return self.turn.chat is not None and self.turn.chat.kept

    def _finish_reason(self, problem: Problem | None) -> str:
        if self.answer:
            return self.answer.finish_reason
        return "error" if problem else "stop"

    async def _wait_beyond(self, position: int, limit: TimeLimit) -> bool:
        """Wait until more than ``position`` events may be told; ``False`` when there are none
        after ``IDLE_SECONDS``."""
        if self._told > position:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.add(waiter)
        try:
            with limit.until(loop.time() + IDLE_SECONDS):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    def _take_text(self, text: str) -> None:
        if not text:
            return
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append(text)

    def _append(self, event: Event) -> None:
        if self._fenced and not is_terminal(event):
            return
        self.events.append(event)
        self.on_event()


def account_of(turn: Turn) -> Account:
    """The account that a turn is booked for."""
    return Account(turn.user, turn.key, turn.end_user)


def is_terminal(event: Event) -> bool:
    """Whether it is the last of its stream."""
    return isinstance(event, Finished | Failed)


def text_of(events: Iterable[Event]) -> str:
    """The text of the tokens since the last reset."""
    pieces: list[str] = []
    for event in events:
        if isinstance(event, Token):
            pieces.append(event.text)
        elif isinstance(event, Reset):
            pieces.clear()
    return "".join(pieces)


def decided_event(events: Iterable[Event]) -> Decided | None:
    """The first decision in the stream."""
    return next((event for event in events if isinstance(event, Decided)), None)


def beyond_the_end(after: int, last: int) -> BadRequest:
    """The error for an event number that no stream of this answer has reached."""
    detail = Translatable(
        "The stream has {last} events; it cannot go on after event {after}.", last=last, after=after
    )
    return BadRequest(detail, FieldFault("Last-Event-ID", "beyond_the_end", detail))
