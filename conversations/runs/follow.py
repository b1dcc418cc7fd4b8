"""Following an answer that no run of this process writes: by its event log, else by the stored message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from itertools import takewhile
from typing import Any
from uuid import UUID

from conversations.db.access import AWAY, in_database
from conversations.domain.errors import RunInterrupted
from conversations.models import Message
from conversations.runs.event_codec import Numbered, replay
from conversations.runs.event_log import LogReading, RunLog
from conversations.runs.recovery import end_abandoned
from conversations.runs.run import BATCH, IDLE_SECONDS, EventStream, beyond_the_end, is_terminal
from conversations.storage import selectors
from conversations.storage.representations import message_object

REMOTE_POLL_MS = 1_000


async def follow_elsewhere(
    log: RunLog, user: int, message: UUID, origin: str, after: int
) -> EventStream:
    """The events after number ``after``. Raises ``NotFound``, and ``BadRequest`` for a number beyond the
    end."""
    stored, finished = await in_database(_read, user, message, origin)
    if stored.status == Message.Status.STREAMING:
        async with aclosing(_follow_log(log, message, after)) as batches:
            async for batch in batches:
                yield batch
                if batch and is_terminal(batch[-1][1]):
                    return
                after = batch[-1][0] if batch else after
        # The log ended without an end: its worker, or Redis, lost the rest.
        stored, finished = await in_database(_read, user, message, origin)
        if not _is_interrupted(stored):
            after = min(after, len(stored.script) + 1)  # all who followed so far get the end
    events = list(_stored_events(stored, finished, after))
    for start in range(0, len(events), BATCH):
        yield events[start : start + BATCH]
        await asyncio.sleep(0)


async def _follow_log(log: RunLog, message: UUID, after: int) -> EventStream:
    """Read another worker's log to its end, or until that worker is seen to be gone.

    A log with a hole (Redis was emptied meanwhile) is read no further: the stored message will have
    all of it.
    """
    last_event, whole = time.monotonic(), True
    while True:
        reading = LogReading(known=False)
        if whole:
            reading = await log.read(message, after=after, block_ms=REMOTE_POLL_MS)
        if batch := unbroken(reading.events, after):
            after, last_event = batch[-1][0], time.monotonic()
            yield batch
        whole = whole and (not reading.events or reading.events[-1][0] == after)
        if whole and reading.events:
            continue
        if await _over(log, message):
            return
        if not (whole and reading.known):
            await asyncio.sleep(REMOTE_POLL_MS / 1000)
        if time.monotonic() - last_event >= IDLE_SECONDS - REMOTE_POLL_MS / 1000:
            last_event = time.monotonic()
            yield ()


def unbroken(events: Iterable[Numbered], after: int) -> list[Numbered]:
    """The events that follow ``after`` one by one, up to the first hole."""
    numbered = takewhile(lambda pair: pair[0] == pair[1][0], enumerate(events, start=after + 1))
    return [event for _, event in numbered]


async def _over(log: RunLog, message: UUID) -> bool:
    """Whether the message is no longer being written, ending it when its worker is gone. While the
    database is away this cannot be known: the answer may still be going on."""
    try:
        await end_abandoned(log, message)
        return not await in_database(selectors.answer_is_streaming, message=message)
    except AWAY:
        return False


def _stored_events(stored: Message, finished: dict[str, Any], after: int) -> Iterator[Numbered]:
    events = list(replay(stored, finished))
    last, end = events[-1]
    if after >= last and _is_interrupted(stored):
        # A killed worker sent in its last moment events that it could not log any more. Listeners who
        # got those get the end after them, under the next number.
        yield after + 1, end
        return
    if after > last:
        raise beyond_the_end(after, last)
    yield from (event for event in events if event[0] > after)


def _is_interrupted(stored: Message) -> bool:
    return (stored.problem or {}).get("code") == RunInterrupted.code


def _read(user: int, message: UUID, origin: str) -> tuple[Message, dict[str, Any]]:
    """The stored answer and its message object, with the person's own feedback on it."""
    stored = selectors.answer_get(user=user, message=message)
    mine = selectors.feedback_of(user=user, messages=[message]).get(message)
    return stored, message_object(stored, origin=origin, feedback=mine)
