"""Rate and concurrency limits: how often a user may ask, and how many streams may be open.

Both are counted in Redis for all workers together, and by each worker alone while Redis is away. Rates
count in a moving window (``limits``, one Lua script). An open stream is a lease in a sorted set of its
user: a worker that dies leaves slots that run out.
"""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from collections import Counter, defaultdict
from contextlib import suppress

import redis.asyncio
import structlog
from django.conf import settings
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from uuid_utils import uuid4

from conversations.domain.errors import RateLimited, TooManyStreams, WorkerFull
from routing.common.redis.clients import Breaker, redis_call
from routing.common.tasks import Background
from routing.domain.errors import DependencyUnavailable

_log = structlog.get_logger("assistant.limits")

RELEASE_SECONDS = 0.05
"""Until Redis is told of a released slot, together with others."""
RENEW_SECONDS = 15.0
LEASE_SECONDS = 60
REMEMBERED = 10_000
"""Released slots that Redis was not told of yet."""

# KEYS: the slots of a user. ARGV: now, the seconds of a lease, the new slot, released slots.
_ACQUIRE = """
for at = 4, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[at])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""


def configured_rates() -> dict[str, str]:
    """The rates of the settings, by scope."""
    return {
        "ask": settings.ASK_RATE,
        "sign-in": settings.SIGN_IN_RATE,
        "export": settings.EXPORT_RATE,
        "shared": settings.SHARED_RATE,
    }


def limit_keys(prefix: str, user: int) -> list[str]:
    """The keys in Redis that count a person's calls and open streams."""
    counts = (parse(rate).key_for(scope, str(user)) for scope, rate in configured_rates().items())
    return [f"{prefix}:streams:{user}", *(f"{prefix}:limits:{count}" for count in counts)]


class RateLimitsUnavailable(DependencyUnavailable):
    """Redis does not count calls now."""

    part = "rate_limits"


class StreamLimitsUnavailable(DependencyUnavailable):
    """Redis does not count streams now."""

    part = "stream_limits"


class RateLimiter:
    """Rate limit: counts calls by scope. ``rates`` maps a scope to a rate such as ``60/minute``."""

    def __init__(
        self, client: redis.asyncio.Redis, breaker: Breaker, prefix: str, rates: dict[str, str]
    ) -> None:
        storage = RedisStorage(
            "async+redis://",  # the pool has the address
            connection_pool=client.connection_pool,  # type: ignore[arg-type]
            implementation="redispy",
            key_prefix=f"{prefix}:limits",
        )
        # Its own client would take a connection for each call: ours lets calls share a round trip.
        storage.bridge.storage = client  # type: ignore[attr-defined]
        storage.bridge.register_scripts()
        self._breaker = breaker
        self._shared = MovingWindowRateLimiter(storage)
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self.rates: dict[str, RateLimitItem] = {scope: parse(rate) for scope, rate in rates.items()}

    async def hit(self, scope: str, caller: str) -> None:
        """Count one call. Raises ``RateLimited`` when it is one too many."""
        try:
            with redis_call(self._breaker, RateLimitsUnavailable):
                await self._count(self._shared, scope, caller)
        except RateLimitsUnavailable:
            _log.warning("rate limits are counted by this worker alone", scope=scope)
            # Better a limit per worker than none.
            await self._count(self._local, scope, caller)

    async def forget(self, caller: str) -> None:
        """Drop the counts of a caller."""
        for scope, rate in self.rates.items():
            await self._local.clear(rate, scope, caller)
            with suppress(RateLimitsUnavailable), redis_call(self._breaker, RateLimitsUnavailable):
                await self._shared.clear(rate, scope, caller)

    async def _count(self, limiter: MovingWindowRateLimiter, scope: str, caller: str) -> None:
        rate = self.rates[scope]
        if await limiter.hit(rate, scope, caller):
            return
        window = await limiter.get_window_stats(rate, scope, caller)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise RateLimited(limit=rate.amount, window=rate.get_expiry(), retry_after=wait)


class StreamSlot:
    """Lease: one open stream. ``release`` gives it up, and so does the loss of its last reference: a
    response that never started has no other end."""

    def __init__(self, limiter: StreamLimiter, user: int) -> None:
        # Not Python's: that asks the system for random bytes, gives up the interpreter's lock, and waits for it.
        self.user, self.id = user, uuid4().bytes
        self._finalizer = weakref.finalize(self, limiter.released, user, self.id)
        self._holders = 1

    def share(self) -> StreamSlot:
        """The same slot for one more holder: the last one to release it gives it up."""
        self._holders += 1
        return self

    def release(self) -> None:
        """Give it up; again changes nothing."""
        self._holders -= 1
        if self._holders <= 0:
            self._finalizer()


class StreamLimiter:
    """Concurrency limit: counts open streams, by user and on this worker. A limit of 0 is none."""

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
        self._script = client.register_script(_ACQUIRE)
        self.per_user, self.per_worker = per_user, per_worker
        self._open: Counter[int] = Counter()
        self._users: dict[bytes, int] = {}
        self._released: dict[bytes, int] = {}
        self._wake = asyncio.Event()

    @property
    def open(self) -> int:
        """Streams open on this worker."""
        return len(self._users)

    async def acquire(self, user: int) -> StreamSlot:
        """Open a stream. Raises ``WorkerFull`` and ``TooManyStreams``."""
        if self.per_worker and self.open >= self.per_worker:
            raise WorkerFull
        if self.per_user and self._open[user] >= self.per_user:
            raise TooManyStreams(self.per_user)
        # Counted before Redis is asked: calls of the same moment must see each other.
        slot = StreamSlot(self, user)
        self._users[slot.id] = user
        self._open[user] += 1
        try:
            await self._check(slot)
        except BaseException:
            slot.release()  # the error's traceback would hold it for a while
            raise
        return slot

    async def _check(self, slot: StreamSlot) -> None:
        if not self.per_user:
            return
        self._background.every("stream slots", self._report)
        with suppress(StreamLimitsUnavailable):
            if await self._count(slot) > self.per_user:
                raise TooManyStreams(self.per_user)

    def released(self, user: int, slot: bytes) -> None:
        """Forget a slot; Redis is told soon. May be called by the garbage collector."""
        if self._users.pop(slot, None) is None:
            return
        self._open[user] -= 1
        if not self._open[user]:
            del self._open[user]
        self._released[slot] = user
        self._wake.set()

    def _key(self, user: int) -> str:
        return f"{self._prefix}:streams:{user}"

    async def _count(self, slot: StreamSlot) -> int:
        released = [each for each, user in self._released.items() if user == slot.user]
        with redis_call(self._breaker, StreamLimitsUnavailable):
            count = await self._script(
                keys=[self._key(slot.user)], args=[time.time(), LEASE_SECONDS, slot.id, *released]
            )
        return int(count)

    async def _report(self) -> None:
        """Tell Redis of released slots, soon, and renew the leases of open ones, now and then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._renew_at - time.monotonic()):
                await self._wake.wait()
                await asyncio.sleep(RELEASE_SECONDS)
        # Cleared before the reading: a slot that is released meanwhile wakes the next round.
        self._wake.clear()
        with suppress(StreamLimitsUnavailable), redis_call(self._breaker, StreamLimitsUnavailable):
            await self._remove_released()
            if time.monotonic() >= self._renew_at:
                self._renew_at = time.monotonic() + RENEW_SECONDS
                await self._renew()

    async def _remove_released(self) -> None:
        if len(self._released) > REMEMBERED:  # Redis is away: its leases run out by themselves
            self._released.clear()
        released = dict(self._released)
        by_user: defaultdict[int, list[bytes]] = defaultdict(list)
        for slot, user in released.items():
            by_user[user].append(slot)
        # Short commands of one moment share a round trip, at a fraction of the CPU of redis-py's pipelines.
        remove = self._client.zrem
        await asyncio.gather(*(remove(self._key(user), *each) for user, each in by_user.items()))
        for slot in released:
            self._released.pop(slot, None)

    async def _renew(self) -> None:
        until, pipe = time.time() + LEASE_SECONDS, self._client.pipeline(transaction=False)
        for slot, user in self._users.items():
            pipe.zadd(self._key(user), {slot: until})
            pipe.expire(self._key(user), LEASE_SECONDS)
        await pipe.execute()
