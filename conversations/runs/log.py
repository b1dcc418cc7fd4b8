"""The run's log: a Redis Stream per answer, so that any worker can continue its stream.

Entry ``n-0`` is event ``n``: explicit ids, so no two writers can ever own the same number.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis import asyncio as redis

from conversations.engine.events import Event
from conversations.errors import RunLogUnavailable
from conversations.runs.codec import dump, load
from routing.breaker import Breaker
from routing.redis_clients import TIMEOUT, redis_call

Numbered = tuple[int, Event]


@dataclass(frozen=True, slots=True)
class LogReading:
    """What a read found. ``known`` is false when Redis has no such log (or no answer at all)."""

    known: bool
    events: tuple[Numbered, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What renewing leases found: those that were not held (new, expired or lost), and answers that
    somebody asked to stop."""

    unheld: frozenset[UUID]
    to_stop: frozenset[UUID]


class RunLog:
    """Appends and reads events. Every method but ``leased`` and ``read``, which say that they don't
    know, raises ``RunLogUnavailable`` when Redis does not answer."""

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

    def _key(self, message: UUID, part: str) -> str:
        return log_key(self._prefix, message, part)

    async def append(self, message: UUID, first: int, events: Sequence[Event]) -> None:
        """Write events numbered from ``first``, all or none."""
        key = self._key(message, "events")
        with redis_call(self._breaker, RunLogUnavailable):
            pipe = self._client.pipeline(transaction=True)
            for number, event in enumerate(events, start=first):
                pipe.xadd(key, {b"e": dump(event)}, id=f"{number}-0")
            pipe.expire(key, self._ttl)
            await pipe.execute()

    async def read(self, message: UUID, *, after: int, block_ms: int) -> LogReading:
        """Events with numbers above ``after``; waits up to ``block_ms`` for the first of them."""
        key = self._key(message, "events")
        try:
            with redis_call(self._breaker, RunLogUnavailable):
                if not await self._client.exists(key):
                    return LogReading(known=False)
                # The blocking client waits for ever: a Redis that hangs must not hang its readers.
                async with asyncio.timeout(block_ms / 1000 + TIMEOUT):
                    answer: Any = await self._blocking.xread(
                        {key: f"{after}-0"}, count=500, block=block_ms
                    )
        except RunLogUnavailable:
            return LogReading(known=False)
        entries = answer[0][1] if answer else ()
        return LogReading(
            known=True,
            events=tuple(
                (int(number.split(b"-")[0]), load(body[b"e"])) for number, body in entries
            ),
        )

    async def everything(self, message: UUID) -> list[Event]:
        """All events so far, from the first; none when Redis lost them."""
        with redis_call(self._breaker, RunLogUnavailable):
            entries: Any = await self._client.xrange(self._key(message, "events"))
        return [load(body[b"e"]) for _, body in entries]

    async def ask_stop(self, message: UUID) -> None:
        """Leave word for the worker that owns the run."""
        with redis_call(self._breaker, RunLogUnavailable):
            await self._client.set(self._key(message, "stop"), b"1", ex=600)

    async def keep(self, messages: Sequence[UUID], *, lease_seconds: int) -> Kept:
        """Renew the leases of running answers."""
        pipe = self._client.pipeline(transaction=False)
        for message in messages:
            pipe.set(self._key(message, "lease"), b"1", ex=lease_seconds, get=True)
            pipe.exists(self._key(message, "stop"))
        with redis_call(self._breaker, RunLogUnavailable):
            answers = await pipe.execute()
        held, asked = answers[::2], answers[1::2]
        return Kept(
            unheld=frozenset(m for m, was in zip(messages, held, strict=True) if was is None),
            to_stop=frozenset(m for m, is_asked in zip(messages, asked, strict=True) if is_asked),
        )

    async def leased(self, message: UUID) -> bool | None:
        """Whether a worker holds the run; ``None`` when Redis cannot say."""
        try:
            with redis_call(self._breaker, RunLogUnavailable):
                return bool(await self._client.exists(self._key(message, "lease")))
        except RunLogUnavailable:
            return None

    async def release(self, message: UUID) -> None:
        """Give the lease up at the end of a run. The log of an answer that was deleted just before its
        last events were written goes too."""
        pipe = self._client.pipeline(transaction=False)
        pipe.delete(self._key(message, "lease"), self._key(message, "stop"))
        pipe.exists(gone_key(self._prefix, message))
        with redis_call(self._breaker, RunLogUnavailable):
            _, gone = await pipe.execute()
            if gone:
                await self._client.unlink(self._key(message, "events"))

    async def forget(self, messages: Sequence[UUID]) -> None:
        """Delete the logs of deleted answers."""
        with redis_call(self._breaker, RunLogUnavailable):
            for message in messages:
                await self._client.delete(self._key(message, "events"))


def log_key(prefix: str, message: UUID, part: str = "events") -> str:
    """Where the log of an answer lies, and what is kept beside it."""
    return f"{prefix}:run:{{{message}}}:{part}"


def gone_key(prefix: str, message: UUID) -> str:
    """Where it is said for a while that an answer was deleted; without its id, which is to be gone."""
    return f"{prefix}:gone:{hashlib.sha256(message.bytes).hexdigest()[:20]}"
