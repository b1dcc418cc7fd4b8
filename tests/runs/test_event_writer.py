"""All runs of a process are written down together; what Redis did not take is offered again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import NoScriptError

from conversations.domain.errors import RunLogUnavailable
from conversations.engine.events import Event, Failed, Finished, Noticed, Started, Token
from conversations.models import new_id
from conversations.runs import event_writer
from conversations.runs.event_log import LogEntry, RunLog, WriteReport, gone_key, log_key
from conversations.runs.event_writer import EventWriter
from conversations.runs.run import Run
from routing.common.redis.clients import Breaker, async_client, blocking_client, close
from routing.common.redis.direct import AttachedCommand
from routing.common.tasks import Background
from tests.fakes import turn

PREFIX = "event-writer"


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    made = async_client(redis_url)
    yield made
    await close(made)


@pytest.fixture
async def log(client: redis.asyncio.Redis, redis_url: str) -> AsyncIterator[RunLog]:
    blocking = blocking_client(redis_url)
    yield RunLog(client, blocking, Breaker(), prefix=PREFIX, ttl_seconds=60)
    await close(blocking)


class Moody(RunLog):
    """Refuses the first write, or what holds a certain word."""

    def __init__(self, log: RunLog, *, poison: str = "") -> None:
        self.__dict__.update(log.__dict__)
        self._refusals, self._poison = 0 if poison else 1, poison
        self.written: list[int] = []
        self.asked = asyncio.Event()

    async def write(self, entries: Sequence[LogEntry]) -> WriteReport:
        self.asked.set()
        if self._refusals:
            self._refusals -= 1
            raise RunLogUnavailable("not now")
        if self._poison and any(Token(self._poison) in entry.events for entry in entries):
            raise TypeError("no JSON")
        self.written.append(len(entries))
        return await super().write(entries)


async def told(run: Run, *texts: str) -> None:
    for text in texts:
        run.emit(Token(text))
        run.flush()
    run.emit(Finished({"id": str(run.turn.message)}))
    run.settled = True


async def first_batch(run: Run) -> list[Event]:
    async with aclosing(run.follow()) as batches:
        return [event for _, event in await anext(batches)]


async def test_the_first_events_of_a_run_share_a_write(log: RunLog) -> None:
    moody = Moody(log)
    moody._refusals = 0
    run = Run(turn())
    EventWriter(moody, Background()).open(run)
    for _ in range(9):  # turns of the event loop in which nothing happens
        await asyncio.sleep(0)
    run.emit(Noticed("slow", "It is slow."))
    run.emit(Token("a"))  # flushed in the next turn of the event loop

    assert await first_batch(run) == [run.events[0], Noticed("slow", "It is slow."), Token("a")]
    assert moody.written == [1]


async def test_a_beginning_without_more_is_written_soon(log: RunLog) -> None:
    run = Run(turn())
    EventWriter(log, Background()).open(run)

    assert await first_batch(run) == run.events == await log.everything(run.turn.message)


async def test_a_reader_that_comes_before_the_first_write_gets_it(log: RunLog) -> None:
    run = Run(turn())
    reading = asyncio.create_task(log.read(run.turn.message, after=0, block_ms=5_000))
    EventWriter(log, Background()).open(run)

    found = await reading
    assert found.known
    assert [event for _, event in found.events] == run.events


async def test_many_runs_share_their_writes(log: RunLog) -> None:
    moody = Moody(log)
    moody._refusals = 0
    runs, writer = [Run(turn()) for _ in range(20)], EventWriter(moody, Background())
    cursors = [writer.open(run) for run in runs]
    await asyncio.gather(*(told(run, "a", "b") for run in runs))
    await asyncio.gather(*(cursor.closed for cursor in cursors))

    assert sum(moody.written) >= len(runs) > len(moody.written)
    assert all(cursor.released for cursor in cursors)
    for run in runs:
        assert await log.everything(run.turn.message) == run.events


class Held(RunLog):
    """Writes once it is let."""

    def __init__(self, log: RunLog) -> None:
        self.__dict__.update(log.__dict__)
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def write(self, entries: Sequence[LogEntry]) -> WriteReport:
        gone = await super().write(entries)
        self.asked.set()
        await self.let.wait()
        return gone


async def test_listeners_are_told_of_what_the_log_has(log: RunLog) -> None:
    run, held = Run(turn()), Held(log)
    EventWriter(held, Background()).open(run)
    await told(run, "a", "b")
    await held.asked.wait()
    batches = run.follow()
    following = asyncio.ensure_future(anext(batches))
    await asyncio.wait([following], timeout=0.01)
    assert not following.done()
    held.let.set()

    heard = [*await following]
    heard += [event async for batch in batches for event in batch]
    assert [event for _, event in heard] == run.events == await log.everything(run.turn.message)


async def test_listeners_do_not_wait_for_a_log_that_is_away(log: RunLog) -> None:
    run, moody = Run(turn()), Moody(log)
    moody._refusals = 1_000
    EventWriter(moody, Background()).open(run)
    await told(run, "a")

    heard = [event async for batch in run.follow() for event in batch]
    assert [event for _, event in heard] == run.events
    assert moody.written == []


async def test_an_event_is_told_at_once_after_a_write_that_failed(log: RunLog) -> None:
    run, moody = Run(turn()), Moody(log)
    EventWriter(moody, Background()).open(run)
    batches = run.follow()
    await anext(batches)
    run.emit(Token("a"))
    run.flush()

    assert [event for _, event in await anext(batches)] == [Token("a")]
    assert moody.written == []  # its next try is a second away


async def test_what_was_not_taken_is_offered_again(
    log: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "AGAIN_SECONDS", 0.001)
    run, moody = Run(turn()), Moody(log)
    cursor = EventWriter(moody, Background()).open(run)
    await moody.asked.wait()
    await told(run, "a")
    await cursor.closed

    assert [part.part for part in run.degraded] == ["run_log"]
    assert await log.everything(run.turn.message) == run.events


async def test_a_run_that_cannot_be_written_keeps_no_other_from_it(log: RunLog) -> None:
    good, bad, writer = (
        Run(turn()),
        Run(turn()),
        EventWriter(Moody(log, poison="poison"), Background()),
    )
    cursors = [writer.open(run) for run in (good, bad)]
    await asyncio.gather(told(good, "fine"), told(bad, "poison"))
    await asyncio.gather(*(cursor.closed for cursor in cursors))

    assert await log.everything(good.turn.message) == good.events
    assert await log.everything(bad.turn.message) == []  # an entry is written whole or not at all


async def test_the_log_of_a_deleted_answer_is_gone_again(
    log: RunLog, client: redis.asyncio.Redis
) -> None:
    run, writer = Run(turn()), EventWriter(log, Background())
    await client.set(gone_key(PREFIX, run.turn.message), b"1")
    cursor = writer.open(run)
    await told(run, "secret")
    await cursor.closed

    assert cursor.gone
    assert not await client.exists(log_key(PREFIX, run.turn.message))


async def test_a_settlement_goes_with_the_end_and_is_executed_before_that_is_told(
    log: RunLog, client: redis.asyncio.Redis
) -> None:
    run, refused, writer = Run(turn()), Run(turn()), EventWriter(log, Background())
    replies, refusals = list[tuple[Any, int]](), list[Any]()
    key = f"{PREFIX}:settled:{run.turn.message}"

    def heard(reply: Any) -> None:
        replies.append((reply, run._told))

    run.settlement = AttachedCommand(("SET", key, b"1", "GET"), heard)
    refused.settlement = AttachedCommand(("EVALSHA", "0" * 40, 0), refusals.append)
    cursors = [writer.open(each) for each in (run, refused)]
    run.emit(Token("a"))
    run.flush()
    await first_batch(run)
    assert not await client.exists(key)
    for each in (run, refused):
        await told(each, "b")
    await asyncio.gather(*(cursor.closed for cursor in cursors))

    assert await client.get(key) == b"1"
    ((reply, heard_before),) = replies
    assert reply is None
    assert heard_before < len(run.events)
    assert [type(each) for each in refusals] == [NoScriptError]
    # A refused command is not the log's: the events are there.
    assert await log.everything(refused.turn.message) == refused.events


async def test_a_write_whose_answer_was_lost_is_read_once(log: RunLog) -> None:
    message = new_id()
    first: list[Event] = [Started(new_id(), message, new_id()), Token("a")]
    assert not (await log.write([LogEntry(message, 1, first)])).sealed
    assert not (await log.write([LogEntry(message, 1, first)])).sealed  # the very same again
    await log.write([LogEntry(message, 1, [*first, Token("b")])])  # and again, with what came since

    assert await log.everything(message) == [*first, Token("b")]
    reading = await log.read(message, after=1, block_ms=1)
    assert [number for number, _ in reading.events] == [2, 3]


async def test_the_first_and_the_last_entry_renew_the_logs_life(
    log: RunLog, client: redis.asyncio.Redis
) -> None:
    run, moody = Run(turn()), Moody(log, poison="none")
    cursor = EventWriter(moody, Background()).open(run)
    key = log_key(PREFIX, run.turn.message)
    await moody.asked.wait()
    await client.expire(key, 5)
    await told(run, "a")
    await cursor.closed

    assert await client.ttl(key) > 50


def test_an_entry_says_where_it_ends() -> None:
    entry = LogEntry(new_id(), first=3, events=[Token("a"), Token("b")])

    assert entry.end == 4
    assert replace(entry, events=[Token("a")]).end == 3


async def test_an_entry_of_another_program_is_left_out(
    log: RunLog, client: redis.asyncio.Redis
) -> None:
    message = new_id()
    await log.write([LogEntry(message, 1, [Token("a")])])
    for number, body in ((2, {"x": "1"}), (3, {"e": "{"}), (4, {"e": '"text"'}), (5, {"e": "[5]"})):
        await client.xadd(log_key(PREFIX, message), body, id=f"{number}-0")  # type: ignore[arg-type]
    await log.write([LogEntry(message, 6, [Token("b")])])

    assert await log.everything(message) == [Token("a"), Token("b")]
    reading = await log.read(message, after=0, block_ms=10)
    assert reading.events == ((1, Token("a")), (6, Token("b")))


@pytest.mark.parametrize(
    "begun", [2, 3], ids=["as far as it was heard", "as far as it was written"]
)
async def test_a_worker_that_wakes_tells_nothing_behind_the_end_by_another(
    log: RunLog, begun: int
) -> None:
    """Numbers told, by this worker and by the log, are the same; ``begun`` events are in the log."""
    run, end = Run(turn()), Failed({"code": "interrupted"})
    run.emit(Token("a"))
    run.flush()
    run.on_event = lambda: None
    run.emit(Token("b"))
    run.flush()
    await log.write([LogEntry(run.turn.message, 1, run.events[:begun])])
    await log.seal(run.turn.message, begun + 1, end)

    cursor = EventWriter(log, Background()).open(run)
    run.emit(Token("c"))
    run.flush()
    await cursor.closed
    run.emit(Token("d"))
    run.emit(end)
    heard = [pair async for batch in run.follow() for pair in batch]

    assert heard == list((await log.read(run.turn.message, after=0, block_ms=1)).events)
    assert heard[-1] == (begun + 1, end)
    assert await log.everything(run.turn.message) == run.events


async def test_a_write_during_which_the_process_stood_still_tells_nothing(
    log: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time-out is no news of Redis: another worker may have ended the answer meanwhile."""
    monkeypatch.setattr(event_writer, "PAUSED_SECONDS", -1.0)
    run, moody = Run(turn()), Moody(log)
    cursor = EventWriter(moody, Background()).open(run)
    await told(run, "a")
    await cursor.closed

    assert run.degraded == []
    assert await log.everything(run.turn.message) == run.events
