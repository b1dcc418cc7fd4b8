"""One run under way: its events so far, who listens, and what is recorded on the side.

A run is its own ``Sink``. Events are kept in a list that listeners read at their own pace by
position, so a slow reader costs no copy and holds nobody up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import assert_never

from conversations.domain.outcome import Outcome
from conversations.engine.events import Event, Started, Token
from conversations.engine.ports import DeferredWork
from conversations.engine.types import Answer, Degraded, Record, Shadowed, Step, Turn
from conversations.runs.event_codec import Numbered
from conversations.runs.event_queries import is_terminal
from routing.domain.llm import Attempt, Usage


class Run:
    """A turn being answered in this process. Event ``n`` of the contract is ``events[n - 1]``."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.started_ns = time.time_ns()
        self.events: list[Event] = []
        self.steps: list[Step] = []
        self.attempts: list[Attempt] = []
        self.degraded: list[Degraded] = []
        self.answer: Answer | None = None
        self.shadowed: Shadowed | None = None
        self.first_token_ms: int | None = None
        self.stop_asked = False
        self.finishing = False
        """Whether the answer is over, and only to be stored and told: nobody may cancel that."""
        self.owed: Outcome | None = None
        """What the database has yet to store, after the listeners were told."""
        self.deferred: list[DeferredWork] = []
        """What the engine left to be done while the answer is stored."""
        self.follow_ups: list[DeferredWork] = []
        """Work that the engine left for the time after the end was told."""
        self.settled = False
        """Whether that is done, the end was told, and nothing is owed."""
        self.on_event: Callable[[], None] = _nobody
        self._started = time.perf_counter()
        self._pending: list[str] = []
        self._waiters: set[asyncio.Future[None]] = set()
        self._append(Started(turn.conversation, turn.message, turn.user_message))

    def emit(self, event: Event) -> None:
        """Tell the listeners. Tokens that arrive in one turn of the event loop go out as one."""
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
            case Degraded():
                if record.part not in {known.part for known in self.degraded}:
                    self.degraded.append(record)
            case _:
                assert_never(record)

    def defer(self, work: DeferredWork) -> None:
        """Keep work for the end."""
        self.deferred.append(work)

    def follow_up(self, work: DeferredWork) -> None:
        """Keep work for the time after the end was told."""
        self.follow_ups.append(work)

    def numbered(self, position: int, most: int) -> list[Numbered]:
        """At most ``most`` of the events after ``position``, with their numbers."""
        return list(enumerate(self.events[position : position + most], start=position + 1))

    def flush(self) -> None:
        """Emit the text that waits, if any."""
        if self._pending:
            text = "".join(self._pending)
            self._pending.clear()
            self._append(Token(text))

    async def wait_beyond(self, position: int, seconds: float) -> bool:
        """Wait until there are more than ``position`` events; ``False`` when there are none
        after ``seconds``."""
        if len(self.events) > position:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    @property
    def ended(self) -> bool:
        """Whether the terminal event was emitted."""
        return is_terminal(self.events[-1])

    @property
    def usage(self) -> Usage:
        """What the answer's calls took together; deciding who answers is not part of the answer."""
        spent = (one.usage for one in self.attempts if one.operation not in {"classify", "judge"})
        return sum(spent, Usage())

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the run began."""
        return round((time.perf_counter() - self._started) * 1000)

    def _take_text(self, text: str) -> None:
        if not text:
            return
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append(text)

    def _append(self, event: Event) -> None:
        self.events.append(event)
        self.on_event()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


def _nobody() -> None:
    """Is told of events until somebody writes them down."""
