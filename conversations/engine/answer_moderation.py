"""Moderation of an answer: a provider's word on its text, asked in windows while the answer is written.

Sliding window: a stretch of the text is judged together with the end of the text before it, so that a sentence
across a cut is whole in one of them. Where the word may end the answer, the events of a window wait for it (gate)
and are passed on in their order; else they are passed on at once, and the words are collected beside them. While
enough windows are judged the open one grows, and a full gate slows the model's stream down (backpressure).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from conversations.engine.events import (
    Decided,
    Event,
    Failed,
    Finished,
    Logprobs,
    Noticed,
    Reset,
    Started,
    Thought,
    Token,
    ToolCall,
)
from conversations.engine.steps import step
from conversations.engine.types import Degraded, Record
from routing.domain.errors import ModerationUnavailable
from routing.domain.moderation import ModerationReport

if TYPE_CHECKING:
    from conversations.engine.ports import DeferredWork, Moderator, Sink
    from routing.domain.llm import Meter

FIRST, MOST = 200, 2_000
"""Characters of the first window, so that the first words come early, and of the largest; each is twice as long
as the one before it."""
OVERLAP = 200
"""Characters of the text before a window that are judged with it."""
PACE = 400
"""Characters a second: of a slower answer a window is judged when an answer of this pace would have filled it."""
AT_ONCE = 3
"""Windows that are judged at the same time."""
MOST_WAITING = 8_000
"""Characters that wait for a word before the model's stream is read on."""


@dataclass(slots=True)
class AnswerWindow:
    """A stretch of the answer: its text, and the events that wait for the word on it. ``due``: it need not grow
    any more."""

    pieces: list[str] = field(default_factory=list)
    size: int = 0
    events: list[Event] = field(default_factory=list)
    weight: int = 0
    due: bool = False

    def add(self, text: str) -> None:
        """Take in text that is to be judged."""
        self.pieces.append(text)
        self.size += len(text)

    def hold(self, event: Event) -> None:
        """Let an event wait. An event without text weighs as much as a character."""
        self.events.append(event)
        self.weight += max(1, _length(event))


class AnswerModeration:
    """The words on one answer, and the sink of the work that writes it. ``sent`` are the characters of the answer
    that were passed on since the last reset, ``called`` tells whether a tool call was."""

    def __init__(self, moderator: Moderator, sink: Sink) -> None:
        self._moderator, self._sink = moderator, sink
        self.holds = moderator.terms.holds
        self.sent, self.called = 0, False
        self._report, self._judged = ModerationReport(), 0
        self._meter: Meter = sink.note
        self._open = AnswerWindow()
        self._asked: deque[tuple[AnswerWindow, asyncio.Task[ModerationReport]]] = deque()
        self._tasks: set[asyncio.Task[ModerationReport]] = set()
        self._before, self._length = "", FIRST
        self._last: type[Event] = Token
        self._answers = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fault: BaseException | None = None
        self._over = False

    async def over(self, work: Coroutine[Any, Any, None]) -> ModerationReport:
        """Run ``work``, which writes the answer, and return the word on all of it; a refusal cancels the work.
        From then on events are passed on as they are. Raises the errors of the work, after the word on the text before
        them, and ``ModerationUnavailable`` without a word that is required."""
        run = asyncio.ensure_future(work)
        try:
            with step(self._sink, "moderate_answer", "guardrail") as opened:
                self._meter = opened.meter
                try:
                    await self._follow(run)
                finally:
                    await self._close(run)
                    if self._judged:
                        opened.output = {**self._report.as_json(), "windows": self._judged}
        finally:
            self._over = True
        return self._report

    def drop_waiting(self) -> None:
        """Drop the text that waits, before its word comes: its model broke off, and another one is asked.
        Text that a caller has heard cannot always be taken back. The next model has clean windows."""
        if not self.holds:
            return
        waiting = [held for window, _ in self._asked for held in window.events]
        waiting += self._open.events
        self._drop()
        for held in waiting:
            if isinstance(held, Noticed):
                self._sink.emit(held)

    async def room(self) -> None:
        """Wait while too much text waits for its word."""
        while self._asked and self._weight > MOST_WAITING:
            await asyncio.wait({self._asked[0][1]})

    def emit(self, event: Event) -> None:
        """As ``Sink``."""
        match event:
            case Decided() | Started() | Finished() | Failed():
                self._sink.emit(event)
            case Reset():
                self._start_over(event)
            case Token() | Thought() | ToolCall() | Logprobs() | Noticed():
                if self._over:
                    self._sink.emit(event)
                elif not self._stopped.done():
                    self._take(event)
            case _:
                assert_never(event)

    def note(self, record: Record) -> None:
        """As ``Sink``."""
        self._sink.note(record)

    def defer(self, work: DeferredWork) -> None:
        """As ``Sink``."""
        self._sink.defer(work)

    def follow_up(self, work: DeferredWork) -> None:
        """As ``Sink``."""
        self._sink.follow_up(work)

    @property
    def heard(self) -> bool:
        """Whether a part of the answer was passed on since the last reset."""
        return self.called or self.sent > 0

    @property
    def _weight(self) -> int:
        return self._open.weight + sum(window.weight for window, _ in self._asked)

    async def _follow(self, run: asyncio.Future[None]) -> None:
        await _either(run, self._stopped)
        while not self._stopped.done() and (self._open.size or self._asked):
            self._ask()
            await _either(self._asked[0][1], self._stopped)
        self._go_on()
        if self._fault:
            raise self._fault
        if not self._stopped.done():
            await run

    async def _close(self, run: asyncio.Future[None]) -> None:
        """Leave no task behind, and nothing that waits."""
        self._drop()
        run.cancel()
        tasks: set[asyncio.Future[Any]] = {run, *self._tasks}
        await asyncio.wait(tasks)
        if not run.cancelled():
            run.exception()  # it was raised above, or comes after the end of the answer

    def _take(self, event: Token | Thought | ToolCall | Logprobs | Noticed) -> None:
        if isinstance(event, Token | Thought):
            if isinstance(event, Token) and not self._answers:
                self._begin_answer()
            # Thoughts and the answer are no words of one sentence.
            apart = "" if isinstance(event, self._last) else "\n"
            self._open.add(f"{apart}{event.text}")
            self._last = type(event)
            self._start_timer()
        if self.holds:
            self._place_of(event).hold(event)
        else:
            self._pass_on(event)
        # A program waits for its call, not for more text.
        if isinstance(event, ToolCall) and self._open.size:
            self._open.due = True
        if not isinstance(event, Logprobs):  # they tell the text that follows
            self._go_on()

    def _place_of(self, event: Event) -> AnswerWindow:
        # A call that follows text waits for the word on that text, and not for that on text after the call.
        follows = isinstance(event, ToolCall | Noticed) and self._asked and not self._open.events
        return self._asked[-1][0] if follows else self._open

    def _begin_answer(self) -> None:
        """After long thoughts, end their window: the first words of the answer come as early as without."""
        self._answers = True
        if self.holds and self._length > FIRST:
            self._open.due = self._open.size > 0
            self._ask()
            self._length = FIRST

    def _go_on(self) -> None:
        """Judge the open window, if it is long enough; pass on what waits for no word."""
        if self._open.size and (self._open.due or self._open.size >= self._length):
            self._ask()
        if not (self._open.size or self._asked):
            events, self._open = self._open.events, AnswerWindow()
            for event in events:
                self._pass_on(event)

    def _ask(self) -> None:
        if not self._open.size or len(self._asked) >= AT_ONCE:
            return
        window, self._open = self._open, AnswerWindow()
        self._stop_timer()
        text = self._before + "".join(window.pieces)
        self._before, self._length = text[-OVERLAP:], min(MOST, 2 * self._length)
        task = asyncio.create_task(self._look(text), name="moderation of an answer")
        self._asked.append((window, task))
        self._tasks.add(task)
        task.add_done_callback(self._advance)
        self._judged += 1

    async def _look(self, text: str) -> ModerationReport:
        report = await self._moderator.look(text, (), self._meter)
        if report.away:
            self._sink.note(Degraded(ModerationUnavailable.part, report.detail))
        return report

    def _advance(self, ended: asyncio.Task[ModerationReport]) -> None:
        """Pass on the first windows, as far as there is a word on them; the first refusal is the last word."""
        self._tasks.discard(ended)
        while self._asked and self._asked[0][1].done():
            window, task = self._asked.popleft()
            self._hear(task)
            if self._stopped.done():
                self._drop()
                return
            for event in window.events:
                self._pass_on(event)
        self._go_on()

    def _hear(self, task: asyncio.Task[ModerationReport]) -> None:
        fault = asyncio.CancelledError() if task.cancelled() else task.exception()
        if fault:
            self._stop(fault)
            return
        report = task.result()
        self._report = self._report.joined(report)
        if report.refused:
            self._stop()
        elif report.away and self._moderator.terms.required:
            self._stop(ModerationUnavailable(report.detail))

    def _stop(self, fault: BaseException | None = None) -> None:
        self._fault = fault
        self._stopped.set_result(None)

    def _pass_on(self, event: Event) -> None:
        if isinstance(event, Token):
            self.sent += len(event.text)
        self.called = self.called or isinstance(event, ToolCall)
        self._sink.emit(event)

    def _start_over(self, event: Reset) -> None:
        """Pass on a reset, unless nothing before it was heard. Thoughts of the next model may wait already."""
        if self.heard:
            self._sink.emit(event)
        self.sent, self.called = 0, False

    def _drop(self) -> None:
        self._stop_timer()
        asked, self._asked = self._asked, deque()
        for _, task in asked:
            task.cancel()
        self._open, self._before, self._length = AnswerWindow(), "", FIRST
        self._answers = False

    def _start_timer(self) -> None:
        if self.holds and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._length / PACE, self._late)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer:
            timer.cancel()

    def _late(self) -> None:
        self._open.due = True
        self._go_on()


def _length(event: Event) -> int:
    match event:
        case Token(text) | Thought(text):
            return len(text)
        case ToolCall(name=name, arguments=arguments):
            return len(name) + len(arguments)
        case _:
            return 0


async def _either(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
