"""How many answers people may watch at once: one person on all workers, and all people on one.

A person's open streams lie in a sorted set of Redis, scored by when each must have been renewed; those of
a worker that died run out. While Redis is away each worker counts its own.
"""

from __future__ import annotations

import asyncio
import time
import uuid
import weakref
from collections import Counter
from contextlib import suppress
from typing import Any

import redis.asyncio

from conversations.domain.errors import TooManyStreams, WorkerFull
from routing.common.redis.clients import Breaker, redis_call
from routing.common.tasks import Background
from routing.domain.errors import DependencyUnavailable

LEAVE_SECONDS = 0.05
"""Until Redis hears of a seat that was left, together with others."""
RENEW_SECONDS = 15.0
LEASE_SECONDS = 60
REMEMBERED = 10_000
"""Seats left that Redis has not heard of."""

# KEYS: a person's seats. ARGV: now, the seconds a seat is good for, the new seat, seats that were left.
_TAKE = """
for at = 4, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[at])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""


class SeatsUncounted(DependencyUnavailable):
    """Redis does not count streams just now."""

    part = "stream_limits"


class Seat:
    """One open stream. It is given up by ``leave``, or with the last reference to it: a response that
    was never begun has nobody to close it."""

    def __init__(self, seats: Seats, user: int) -> None:
        self.user, self.id = user, uuid.uuid4().bytes
        self._finalizer = weakref.finalize(self, seats.left, user, self.id)

    def leave(self) -> None:
        """Give it up; again changes nothing."""
        self._finalizer()


class Seats:
    """Counts open streams. A limit of 0 is none."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        background: Background,
        *,
        prefix: str,
        per_user: int,
        per_worker: int,
    ) -> None:
        self._client, self._breaker, self._prefix = client, breaker, prefix
        self._background, self._renew_at = background, time.monotonic() + RENEW_SECONDS
        self._take = client.register_script(_TAKE)
        self.per_user, self.per_worker = per_user, per_worker
        self._open: Counter[int] = Counter()
        self._ids: dict[bytes, int] = {}
        self._left: dict[bytes, int] = {}
        self._stir = asyncio.Event()

    @property
    def taken(self) -> int:
        """Streams open on this worker."""
        return len(self._ids)

    async def take(self, user: int) -> Seat:
        """Open a stream. Raises ``WorkerFull`` and ``TooManyStreams``."""
        if self.per_worker and self.taken >= self.per_worker:
            raise WorkerFull
        if self.per_user and self._open[user] >= self.per_user:
            raise TooManyStreams(self.per_user)
        seat = Seat(self, user)
        self._ids[seat.id] = user
        self._open[user] += 1
        try:
            await self._check(seat)
        except BaseException:
            seat.leave()  # the error's traceback would hold it for a while
            raise
        return seat

    async def _check(self, seat: Seat) -> None:
        if not self.per_user:
            return
        self._background.every("stream slots", self._keep)
        with suppress(SeatsUncounted):
            if await self._counted(seat) > self.per_user:
                raise TooManyStreams(self.per_user)

    def left(self, user: int, seat: bytes) -> None:
        """Forget a seat; Redis hears of it soon. May be called by the garbage collector."""
        if self._ids.pop(seat, None) is None:
            return
        self._open[user] -= 1
        if not self._open[user]:
            del self._open[user]
        self._left[seat] = user
        self._stir.set()

    def _key(self, user: int) -> str:
        return f"{self._prefix}:streams:{user}"

    async def _counted(self, seat: Seat) -> int:
        gone = [each for each, user in self._left.items() if user == seat.user]
        with redis_call(self._breaker, SeatsUncounted):
            count = await self._take(
                keys=[self._key(seat.user)], args=[time.time(), LEASE_SECONDS, seat.id, *gone]
            )
        return int(count)

    async def _keep(self) -> None:
        """Tell Redis of seats that were left, soon, and of those still taken, now and then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._renew_at - time.monotonic()):
                await self._stir.wait()
                await asyncio.sleep(LEAVE_SECONDS)
        self._stir.clear()
        pipe = self._client.pipeline(transaction=False)
        left = self._leaving(pipe)
        if time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + RENEW_SECONDS
            self._renew(pipe)
        with suppress(SeatsUncounted), redis_call(self._breaker, SeatsUncounted):
            await pipe.execute()
            for seat in left:
                self._left.pop(seat, None)

    def _leaving(self, pipe: Any) -> list[bytes]:
        if len(self._left) > REMEMBERED:  # Redis is away: there they run out by themselves
            self._left.clear()
        for seat, user in self._left.items():
            pipe.zrem(self._key(user), seat)
        return list(self._left)

    def _renew(self, pipe: Any) -> None:
        until = time.time() + LEASE_SECONDS
        for seat, user in self._ids.items():
            pipe.zadd(self._key(user), {seat: until})
            pipe.expire(self._key(user), LEASE_SECONDS)
