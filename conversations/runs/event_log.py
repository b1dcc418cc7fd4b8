"""Event log: a Redis Stream per answer, so that any worker can continue its stream.

An entry holds the events that were written together; the id ``n-0`` ends with event ``n``. Ids are
explicit, so that no two writers can own the same number, and the end that recovery writes seals the log.
Beside the log lie the run's lease and the request to stop it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from redis import asyncio as redis

from conversations.domain.errors import RunLogUnavailable
from conversations.engine.events import Event
from conversations.runs.event_codec import Numbered, dump, load
from routing.common.redis.clients import Breaker, redis_call
from routing.common.redis.direct import TIMEOUT, AttachedCommand, Command, DirectConnection

_log = structlog.get_logger("assistant.runs")
BEGIN_MS = 100
"""How long a reader waits for a log that is not there: a worker writes the first event of a run soon, not at once."""
_TAKEN = "equal or smaller"
"""Part of Redis' error for an entry under a number that is taken."""
SEAL = f"{2**63}-0"
"""Fencing: the id of the end that another worker writes into the log of a run it takes for dead. It is above
all numbers, so Redis refuses whatever the run's own worker still sends when it wakes."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Events of one answer to be written, numbered from ``first``. ``fresh``: the log's life begins anew;
    ``last``: the answer is over, and its lease is given up. ``attached`` is executed with it."""

    message: UUID
    first: int
    events: Sequence[Event]
    fresh: bool = True
    last: bool = False
    attached: AttachedCommand | None = None

    @property
    def end(self) -> int:
        """The number of its last event."""
        return self.first + len(self.events) - 1


@dataclass(frozen=True, slots=True)
class WriteReport:
    """The result of a write. ``gone`` are ended answers that were deleted meanwhile; ``sealed`` has the
    number of the end of each answer that another worker ended: nothing behind it was written."""

    gone: frozenset[UUID] = frozenset()
    sealed: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogReading:
    """The result of a read. ``known`` is false when Redis has no log of the answer, or is away."""

    known: bool
    events: tuple[Numbered, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """The result of renewing leases: ``unheld`` ones were new, expired or lost; ``to_stop`` are answers
    with a request to stop."""

    unheld: frozenset[UUID]
    to_stop: frozenset[UUID]


class RunLog:
    """Appends and reads events, and keeps leases. Raises ``RunLogUnavailable`` when Redis does not
    answer, except in ``leased`` and ``read``, whose results say so."""

    def __init__(
        self,
        client: redis.Redis,
        blocking: redis.Redis,
        breaker: Breaker,
        *,
        prefix: str,
        ttl_seconds: int,
    ) -> None:
        self._client, self._blocking, self._breaker = client, blocking, breaker
        self._prefix, self._ttl = prefix, ttl_seconds
        self._direct = DirectConnection(client.connection_pool)

    @property
    def life(self) -> int:
        """Seconds that a log is kept after it was last begun anew."""
        return self._ttl

    def _key(self, message: UUID, part: str) -> str:
        return log_key(self._prefix, message, part)

    async def seal(self, message: UUID, number: int, end: Event) -> None:
        """Write the end of a run of a worker that is taken for dead; that worker can write no more."""
        key = self._key(message, "events")
        with redis_call(self._breaker, RunLogUnavailable):
            await self._client.xadd(key, {"e": dump(number, [end])}, id=SEAL)
            await self._client.expire(key, self._ttl)

    async def write(self, entries: Sequence[LogEntry]) -> WriteReport:
        """Write entries of several logs in one round trip, each all or not at all. An entry whose number
        is taken was written before, and its answer was lost, or the log is sealed. The logs of deleted
        answers are gone again. Attached commands are executed behind all entries, and told of their replies.
        One call at a time."""
        commands, added, last = list[Command](), dict[UUID, int](), dict[UUID, int]()
        for entry in entries:
            added[entry.message] = len(commands)
            commands += self._commands(entry)
            if entry.last:
                last[entry.message] = len(commands) - 1
        attached = [entry.attached for entry in entries if entry.attached]
        with redis_call(self._breaker, RunLogUnavailable):
            replies = await self._direct.execute([*commands, *(each.command for each in attached)])
            for each, reply in zip(attached, replies[len(commands) :], strict=True):
                each.told(reply)
            answers = replies[: len(commands)]
            taken = _refused(answers)
            sealed = {
                message: number
                for message, place in added.items()
                if place in taken and (number := await self._sealed(message))
            }
        gone = frozenset(message for message, place in last.items() if answers[place])
        for message in gone:
            await self._forget_late(message)
        return WriteReport(gone, sealed)

    async def _sealed(self, message: UUID) -> int | None:
        """The number of the end that another worker wrote, if one did."""
        stored: Any = await self._client.xrange(self._key(message, "events"), SEAL, SEAL)
        return next((number for _, body in stored for number, _ in _loaded(body)), None)

    async def read(self, message: UUID, *, after: int, block_ms: int) -> LogReading:
        """Events with numbers above ``after``; waits up to ``block_ms`` for the first of them."""
        key = self._key(message, "events")
        try:
            with redis_call(self._breaker, RunLogUnavailable):
                known = bool(await self._client.exists(key))
                block_ms = block_ms if known else min(block_ms, BEGIN_MS)
                # The blocking client waits for ever: a Redis that hangs must not hang its readers.
                async with asyncio.timeout(block_ms / 1000 + TIMEOUT):
                    answer: Any = await self._blocking.xread(
                        {key: f"{after}-0"}, count=500, block=block_ms
                    )
        except RunLogUnavailable:
            return LogReading(known=False)
        found = _later(answer[0][1] if answer else (), after)
        return LogReading(known=known or bool(found), events=found)

    async def everything(self, message: UUID) -> list[Event]:
        """All events so far, from the first; none when Redis lost them."""
        with redis_call(self._breaker, RunLogUnavailable):
            entries: Any = await self._client.xrange(self._key(message, "events"))
        return [event for _, event in _later(entries, 0)]

    async def ask_stop(self, message: UUID) -> None:
        """Leave a request for the worker that owns the run."""
        with redis_call(self._breaker, RunLogUnavailable):
            await self._client.set(self._key(message, "stop"), b"1", ex=600)

    async def renew(self, messages: Collection[UUID], *, lease_seconds: int) -> LeaseReport:
        """Renew the leases of running answers."""
        pipe = self._client.pipeline(transaction=False)
        for message in messages:
            pipe.set(self._key(message, "lease"), b"1", ex=lease_seconds, get=True)
            pipe.exists(self._key(message, "stop"))
        with redis_call(self._breaker, RunLogUnavailable):
            answers = await pipe.execute()
        leases = zip(messages, answers[::2], strict=True)
        stops = zip(messages, answers[1::2], strict=True)
        return LeaseReport(
            unheld=frozenset(message for message, lease in leases if lease is None),
            to_stop=frozenset(message for message, stop in stops if stop),
        )

    async def leased(self, message: UUID) -> bool | None:
        """Whether a worker holds the run; ``None`` when Redis cannot say."""
        try:
            with redis_call(self._breaker, RunLogUnavailable):
                return bool(await self._client.exists(self._key(message, "lease")))
        except RunLogUnavailable:
            return None

    async def begun(self, message: UUID) -> bool:
        """Whether a worker holds the run, or it has left events; also when Redis cannot say."""
        names = (self._key(message, part) for part in ("lease", "events"))
        try:
            with redis_call(self._breaker, RunLogUnavailable):
                return bool(await self._client.exists(*names))
        except RunLogUnavailable:
            return True

    async def release(self, message: UUID) -> bool:
        """Give the lease up at the end of a run. The log of an answer that was deleted just before its
        last events were written goes too; returns whether it was."""
        pipe = self._client.pipeline(transaction=False)
        for command in self._leaving(message):
            pipe.execute_command(*command)
        with redis_call(self._breaker, RunLogUnavailable):
            _, gone = await pipe.execute()
        if gone:
            await self._forget_late(message)
        return bool(gone)

    def _commands(self, entry: LogEntry) -> Iterator[Command]:
        key = self._key(entry.message, "events")
        yield "XADD", key, f"{entry.end}-0", "e", dump(entry.first, entry.events)
        if entry.fresh:
            yield "EXPIRE", key, self._ttl
        if entry.last:
            yield from self._leaving(entry.message)

    def _leaving(self, message: UUID) -> Iterator[Command]:
        yield "DEL", self._key(message, "lease"), self._key(message, "stop")
        yield "EXISTS", gone_key(self._prefix, message)

    async def _forget_late(self, message: UUID) -> None:
        with redis_call(self._breaker, RunLogUnavailable):
            await self._client.unlink(self._key(message, "events"))

    async def forget(self, messages: Sequence[UUID]) -> None:
        """Delete the logs of deleted answers."""
        with redis_call(self._breaker, RunLogUnavailable):
            for message in messages:
                await self._client.delete(self._key(message, "events"))


def _refused(answers: Sequence[Any]) -> set[int]:
    """The places of the entries under a taken number. Raises any other refusal."""
    errors = {place: each for place, each in enumerate(answers) if isinstance(each, Exception)}
    for error in errors.values():
        if _TAKEN not in str(error):
            raise error
    return set(errors)


def _later(entries: Iterable[tuple[bytes, dict[bytes, bytes]]], after: int) -> tuple[Numbered, ...]:
    """The events of stored entries that come after number ``after``, each once: events that were
    written again, because the answer to a write was lost, are in two entries."""
    later: list[Numbered] = []
    for _, body in entries:
        for number, event in _loaded(body):
            if number > after:
                after = number
                later.append((number, event))
    return tuple(later)


def _loaded(body: dict[bytes, bytes]) -> list[Numbered]:
    """The events of one entry; none, and an error in the log, for one that another program wrote."""
    try:
        return load(body[b"e"])
    except (KeyError, ValueError, TypeError) as exc:
        _log.error("unreadable entry of an event log", error=f"{type(exc).__name__}: {exc}"[:200])
        return []


def log_key(prefix: str, message: UUID, part: str = "events") -> str:
    """The key of an answer's log; ``part`` names the lease or the stop request beside it."""
    return f"{prefix}:run:{{{message}}}:{part}"


def gone_key(prefix: str, message: UUID) -> str:
    """The key that marks an answer as deleted for a while; it does not contain the id."""
    return f"{prefix}:gone:{hashlib.sha256(message.bytes).hexdigest()[:20]}"
