"""Request coalescing by the client's own sign: a retry joins the run that its first try began.

A retry of an SDK (``x-stainless-retry-count`` above 0) or a request with an ``Idempotency-Key`` joins the
run of the same caller and the same body for ten minutes, on any worker; without either, equal requests are
separate. A run that failed or was stopped is joined by none. A run whose last listener leaves is stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import redis
import redis.asyncio

from conversations.domain.errors import BadRequest, RunLogUnavailable
from conversations.engine.events import Failed
from conversations.engine.types import Turn
from conversations.runs.registry import RunRegistry
from conversations.runs.run import EventStream, is_terminal
from routing.common.redis.clients import Breaker, redis_call
from routing.common.translatable import Translatable
from routing.domain.errors import FieldFault

JOIN_SECONDS = 600
POLL_MS = 1_000


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request's name: equal for a request and its retries. ``joins``: it asks for the run of that name.
    ``body`` is the digest of the body, where the name is the client's own."""

    name: str
    joins: bool
    body: str


@dataclass(frozen=True, slots=True)
class JoinedRun:
    """The run that answers a request. ``replayed``: another request began it."""

    message: UUID
    begun: datetime
    key: RequestKey
    replayed: bool = False


def request_key(asker: Sequence[str], body: bytes, *, own: str, retried: bool) -> RequestKey:
    """The key of a request. ``asker`` names the caller and the path; ``own`` is the client's
    ``Idempotency-Key``, or empty. ``retried``: the client says that it is not the first try."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    parts = (*asker, f"key {own}" if own else f"body {digest}")
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    return RequestKey(name, bool(own) or retried, digest)


def key_reused() -> BadRequest:
    """The error for an ``Idempotency-Key`` that came with another body."""
    detail = Translatable("This Idempotency-Key came with another body before.")
    return BadRequest(detail, FieldFault("Idempotency-Key", "idempotency_key_reused", detail))


def chats_key(prefix: str, user: int) -> str:
    """The key of a sorted set: the runs of a person that no conversation keeps, by their time."""
    return f"{prefix}:chats:{user}"


def person_chats(client: redis.Redis, prefix: str, user: int) -> list[UUID]:
    """These runs' messages, as far as their logs may still be there."""
    members: Any = client.zrange(chats_key(prefix, user), 0, -1)
    return [UUID(member.decode()) for member in members]


class RunJoining:
    """Begins runs that no conversation keeps, and lets retries join them."""

    def __init__(
        self, runs: RunRegistry, client: redis.asyncio.Redis, breaker: Breaker, *, prefix: str
    ) -> None:
        self._runs, self._client, self._breaker, self._prefix = runs, client, breaker, prefix
        self._listeners: Counter[UUID] = Counter()

    async def join(self, key: RequestKey, turn: Turn) -> JoinedRun:
        """The run that answers already, else a new one. Raises ``BadRequest`` for an ``Idempotency-Key``
        that came with another body."""
        assert turn.begun  # noqa: S101 - set by the view

        async def start() -> None:
            self._runs.start(turn)

        return await self.join_begun(JoinedRun(turn.message, turn.begun, key), turn.user, start)

    async def join_begun(
        self, new: JoinedRun, user: int, start: Callable[[], Awaitable[object]]
    ) -> JoinedRun:
        """The same for a run that ``start`` begins. Raises also what ``start`` raises."""
        # Without Redis nothing can be joined, and nothing is lost but that.
        with suppress(RunLogUnavailable):
            if earlier := await self._claim(new, user):
                return earlier
        try:
            await start()
        except BaseException:
            await self._forget(new)
            raise
        return new

    async def follow(self, joined: JoinedRun, events: EventStream | None = None) -> EventStream:
        """The run's events from the first on, or ``events`` of it. Closing it early stops a run without
        other listeners."""
        run = self._runs.running(joined.message)
        events = events or (run.follow() if run else self._logged(joined.message))
        self._listeners[joined.message] += 1
        try:
            async with aclosing(events):
                async for batch in events:
                    if batch and isinstance(batch[-1][1], Failed):
                        await self._forget(joined)
                    yield batch
        finally:
            self._listeners[joined.message] -= 1
            if not self._listeners[joined.message]:
                del self._listeners[joined.message]
                if run and not run.ended:
                    # Forgotten first: a retry that comes now must not join what is being stopped.
                    await self._forget(joined)
                    await self._runs.stop(joined.message)

    async def _claim(self, new: JoinedRun, user: int) -> JoinedRun | None:
        """Name this run, or return the run of that name."""
        key, now = new.key, new.begun.timestamp()
        value = f"{new.message}:{now}:{key.body}"
        pipe = self._client.pipeline(transaction=False)
        pipe.set(self._redis_key(key), value, ex=JOIN_SECONDS, nx=key.joins, get=key.joins)
        # The person's runs, for the erasure of their logs: no row of the database names them.
        chats = chats_key(self._prefix, user)
        pipe.zremrangebyscore(chats, 0, now - self._runs.log.life)
        pipe.zadd(chats, {str(new.message): now})
        pipe.expire(chats, self._runs.log.life)
        with redis_call(self._breaker, RunLogUnavailable):
            stored: Any = (await pipe.execute())[0]
        if not key.joins or stored is None:
            return None
        message, begun, body = stored.decode().split(":")
        if body != key.body:
            raise key_reused()
        moment = datetime.fromtimestamp(float(begun), UTC)
        return JoinedRun(UUID(message), moment, key, replayed=True)

    async def _forget(self, joined: JoinedRun) -> None:
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            await self._client.delete(self._redis_key(joined.key))

    async def _logged(self, message: UUID) -> EventStream:
        """The events of another worker's run, by its log; it ends early where that worker is gone."""
        after, missing = 0, 0
        while missing < 2:
            reading = await self._runs.log.read(message, after=after, block_ms=POLL_MS)
            if reading.events:
                after, missing = reading.events[-1][0], 0
                yield reading.events
                if is_terminal(reading.events[-1][1]):
                    return
                continue
            if not await self._runs.log.leased(message):
                missing += 1
                if not reading.known:
                    await asyncio.sleep(POLL_MS / 1000)
            else:
                yield ()

    def _redis_key(self, key: RequestKey) -> str:
        return f"{self._prefix}:request:{key.name}"
