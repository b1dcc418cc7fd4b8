"""Speculative execution: the likeliest model is asked while the classifier decides, and its events wait.

Where the decision leads to the very same call, its events are passed on, and the call goes on as any other. Where
it does not, the call is cancelled and metered as ``speculate``: nobody has seen any of it, and nothing is kept
of it but its cost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from conversations.engine.model_call import ModelCall
from conversations.engine.types import Speculated, Step
from routing.domain.llm import AnsweringModel, Attempt, GenerationEvent, Meter

if TYPE_CHECKING:
    from conversations.engine.ports import Chat, Sink

Take = Callable[[GenerationEvent], None]
Room = Callable[[], Awaitable[None]]
Guess = Callable[[], Awaitable[ModelCall | None]]


class Speculation:
    """One run's call ahead of its decision; ``discard`` it at the end of the run. Times are Unix nanoseconds."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._call: ModelCall | None = None
        self._events: list[GenerationEvent] = []
        self._attempts: list[Attempt] = []
        self._take: Take = self._wait_with
        self._meter: Meter = self._attempts.append
        self._room: Room | None = None
        self._began = self._first = 0

    def start(self, chat: Chat, guess: Guess) -> None:
        """Ask ahead what ``guess`` says; nothing where it says ``None``. Never waits."""
        self._task = asyncio.create_task(self._ask(chat, guess), name="speculation")
        self._task.add_done_callback(_retrieved)

    async def confirm(self, call: ModelCall, sink: Sink) -> bool:
        """Whether this call is under way already; else the one that is gets cancelled. Notes the outcome,
        once."""
        if self._task is None:
            return False
        if self._call != call:
            await self.discard(sink)
            return False
        sink.note(Speculated(confirmed=True, saved_ms=self._saved_ms()))
        return True

    async def pass_on(self, take: Take, meter: Meter, room: Room | None = None) -> None:
        """Pass on what has waited, then the rest as it comes, to the end. ``room`` waits until more may be
        taken. Raises what the call raises."""
        task, self._task = self._task, None
        assert task is not None  # noqa: S101 - it was confirmed
        try:
            for attempt in self._attempts:
                meter(attempt)
            self._meter, self._room = meter, room
            for event in self._events:  # while there is no room more may come
                take(event)
                if room:
                    await room()
            self._events.clear()
            self._take = take
            await task
        finally:
            await _end(task)

    async def discard(self, sink: Sink) -> None:
        """Cancel the call, if there is one that was not passed on, and note its cost."""
        task, self._task = self._task, None
        if task is None:
            return
        await _end(task)
        self._events.clear()
        if self._call is None:
            return
        calls = tuple(replace(attempt, operation="speculate") for attempt in self._attempts)
        for attempt in calls:
            sink.note(attempt)
        sink.note(Step("speculate", "span", self._began, time.time_ns(), attempts=calls))
        sink.note(Speculated(confirmed=False))

    async def _ask(self, chat: Chat, guess: Guess) -> None:
        call = await guess()
        if call is None:
            return
        self._call, self._began = call, time.time_ns()
        stream = chat.stream(
            call.candidates, call.messages, self._metered, call.options, shortens=call.shortens
        )
        async with aclosing(stream):
            async for event in stream:
                self._take(event)
                if self._room:
                    await self._room()

    def _wait_with(self, event: GenerationEvent) -> None:
        if isinstance(event, AnsweringModel) and not self._first:
            self._first = time.time_ns()
        self._events.append(event)

    def _metered(self, attempt: Attempt) -> None:
        self._meter(attempt)

    def _saved_ms(self) -> int:
        """By how much the first token comes earlier than it would after the decision."""
        # The clock may be set back meanwhile.
        return max(0, round(((self._first or time.time_ns()) - self._began) / 1e6))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _retrieved(task: asyncio.Task[None]) -> None:
    """Take note of the task's error: it was raised by ``pass_on``, or belongs to a call that nobody wanted."""
    if not task.cancelled():
        task.exception()
