"""Following an answer from any point, on any worker: the live run, its log, or the stored message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import takewhile
from typing import Any
from uuid import UUID

from conversations.db.threads import AWAY, in_database
from conversations.domain.errors import BadRequest, RunInterrupted
from conversations.models import Message
from conversations.runs.event_codec import Numbered
from conversations.runs.event_log import LogReading
from conversations.runs.event_queries import is_terminal
from conversations.runs.recovery import end_abandoned
from conversations.runs.registry import Runs
from conversations.runs.run import Run
from conversations.runs.stored_replay import replay
from conversations.storage import selectors
from conversations.storage.representations import message_object
from routing.domain.errors import FieldFault

IDLE_SECONDS = 10.0
"""Silence after which a listener gets ``None``, to send a keep-alive."""
REMOTE_POLL_MS = 1_000
TOGETHER = 50
"""Events handed on at once, at most: a long stored answer must not hold the event loop."""

Followed = AsyncGenerator[Sequence[Numbered], None]
"""Events in order, those that are there at the same time together; nothing after a silence."""


async def follow(runs: Runs, *, user: int, message: UUID, origin: str, after: int = 0) -> Followed:
    """Yield the events numbered above ``after`` to the terminal one; ``()`` after each silence of
    ``IDLE_SECONDS``. Raises ``NotFound``, and ``BadRequest`` for a number beyond the end."""
    run = runs.running(message)
    if run is not None and run.turn.user == user:
        source = follow_run(run, after=after)
    else:
        source = _follow_elsewhere(runs, user, message, origin, after)
    async with aclosing(source) as events:
        async for batch in events:
            yield batch


async def follow_run(run: Run, *, after: int = 0) -> Followed:
    """Follow a run of this process. Many may, each at its own pace."""
    if after > len(run.events):
        raise beyond_the_end(after, len(run.events))
    position = after
    while not (run.ended and position >= len(run.events)):
        if not await run.wait_beyond(position, IDLE_SECONDS):
            yield ()
            continue
        batch = run.numbered(position, TOGETHER)
        position += len(batch)
        yield batch
        if len(batch) == TOGETHER:
            await asyncio.sleep(0)


async def _follow_elsewhere(
    runs: Runs, user: int, message: UUID, origin: str, after: int
) -> Followed:
    stored, finished = await in_database(_read, user, message, origin)
    if stored.status == Message.Status.STREAMING:
        async with aclosing(_follow_log(runs, message, after)) as events:
            async for batch in events:
                yield batch
                if batch and is_terminal(batch[-1][1]):
                    return
                after = batch[-1][0] if batch else after
        # The log ended without an end: its worker, or Redis, lost the rest.
        stored, finished = await in_database(_read, user, message, origin)
        if not _is_interrupted(stored):
            after = min(after, len(stored.script) + 1)  # whoever followed so far hears the end
    told = list(_stored_events(stored, finished, after))
    for start in range(0, len(told), TOGETHER):
        yield told[start : start + TOGETHER]
        await asyncio.sleep(0)


async def _follow_log(runs: Runs, message: UUID, after: int) -> Followed:
    """Read another worker's log to its end, or until that worker is seen to be gone.

    A log with a hole (Redis was emptied meanwhile) is read no further: the stored message will have
    all of it.
    """
    heard, whole = time.monotonic(), True
    while True:
        reading = LogReading(known=False)
        if whole:
            reading = await runs.log.read(message, after=after, block_ms=REMOTE_POLL_MS)
        if batch := unbroken(reading.events, after):
            after, heard = batch[-1][0], time.monotonic()
            yield batch
        whole = whole and (not reading.events or reading.events[-1][0] == after)
        if whole and reading.events:
            continue
        if await _over(runs, message):
            return
        if not (whole and reading.known):
            await asyncio.sleep(REMOTE_POLL_MS / 1000)
        if time.monotonic() - heard >= IDLE_SECONDS - REMOTE_POLL_MS / 1000:
            heard = time.monotonic()
            yield ()


def unbroken(events: Iterable[Numbered], after: int) -> list[Numbered]:
    """The events that follow ``after`` one by one, up to the first hole."""
    numbered = takewhile(lambda pair: pair[0] == pair[1][0], enumerate(events, start=after + 1))
    return [event for _, event in numbered]


async def _over(runs: Runs, message: UUID) -> bool:
    """Whether the message is no longer being written, ending it when its worker is gone. While the
    database is away nobody can say: the answer may still be going on."""
    try:
        await end_abandoned(runs.log, message)
        return not await in_database(selectors.answer_is_streaming, message=message)
    except AWAY:
        return False


def _stored_events(stored: Message, finished: dict[str, Any], after: int) -> Iterator[Numbered]:
    events = list(replay(stored, finished))
    last, terminal = events[-1]
    if after >= last and _is_interrupted(stored):
        # A killed worker told in its last moment what it could not write down any more. Whoever heard
        # that hears the end after it, under the next number.
        yield after + 1, terminal
        return
    if after > last:
        raise beyond_the_end(after, last)
    yield from (pair for pair in events if pair[0] > after)


def _is_interrupted(stored: Message) -> bool:
    return (stored.problem or {}).get("code") == RunInterrupted.code


def _read(user: int, message: UUID, origin: str) -> tuple[Message, dict[str, Any]]:
    """The stored answer and its message object, with the person's own feedback on it."""
    stored = selectors.answer_get(user=user, message=message)
    mine = selectors.feedback_of(user=user, messages=[message]).get(message)
    return stored, message_object(stored, origin=origin, feedback=mine)


def beyond_the_end(after: int, last: int) -> BadRequest:
    """The error for an event number that no stream of this answer has reached."""
    detail = f"The stream has {last} events; it cannot go on after event {after}."
    return BadRequest(detail, FieldFault("Last-Event-ID", "beyond_the_end", detail))
