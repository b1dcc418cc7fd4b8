"""How often one person may ask, and one address may try to sign in.

Counted in Redis for all workers together (``limits``, a moving window in one Lua script); by each
worker alone while Redis is away.
"""

from __future__ import annotations

import math
import time

import redis.asyncio
import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from conversations.domain.errors import RateLimited
from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import DependencyUnavailable

_log = structlog.get_logger("assistant.limits")


class RateLimitsApart(DependencyUnavailable):
    """Redis does not count just now."""

    part = "rate_limits"


class RateLimiter:
    """Counts calls by name. ``rates`` maps a scope to a rate such as ``60/minute``."""

    def __init__(
        self, client: redis.asyncio.Redis, breaker: Breaker, prefix: str, rates: dict[str, str]
    ) -> None:
        storage = RedisStorage(
            "async+redis://",  # the pool knows where
            connection_pool=client.connection_pool,  # type: ignore[arg-type]
            implementation="redispy",
            key_prefix=f"{prefix}:limits",
        )
        self._breaker = breaker
        self._shared = MovingWindowRateLimiter(storage)
        self._alone = MovingWindowRateLimiter(MemoryStorage())
        self.rates: dict[str, RateLimitItem] = {scope: parse(rate) for scope, rate in rates.items()}

    async def hit(self, scope: str, who: str) -> None:
        """Count one call. Raises ``RateLimited`` when it is one too many."""
        try:
            with redis_call(self._breaker, RateLimitsApart):
                await self._count(self._shared, scope, who)
        except RateLimitsApart:
            _log.warning("rate limits are counted by this worker alone", scope=scope)
            await self._count(self._alone, scope, who)

    async def _count(self, limiter: MovingWindowRateLimiter, scope: str, who: str) -> None:
        rate = self.rates[scope]
        if await limiter.hit(rate, scope, who):
            return
        window = await limiter.get_window_stats(rate, scope, who)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise RateLimited(limit=rate.amount, window=rate.get_expiry(), retry_after=wait)
