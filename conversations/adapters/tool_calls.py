"""Makers of tool calls: model and rule by the ids of the calls, in Redis, for a day."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import redis.asyncio

from conversations.engine.types import CallOrigin
from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import MemoryUnavailable
from routing.domain.rules import Decision

CALL_SECONDS = 24 * 3600
MAX_CALLS = 4_096
"""Calls kept of one person; with more, all are forgotten, and the rules are asked again."""


def calls_key(prefix: str, user: int) -> str:
    """The key of a hash: a person's tool calls and their makers."""
    return f"{prefix}:calls:{user}"


class RedisToolCalls:
    """The engine's port ``CallOrigins``. Both methods raise ``MemoryUnavailable``."""

    def __init__(self, client: redis.asyncio.Redis, breaker: Breaker, *, prefix: str) -> None:
        self._client, self._breaker, self._prefix = client, breaker, prefix

    async def remember(self, user: int, calls: Sequence[str], decision: Decision) -> None:
        """Keep model and rule of the answer that made these calls."""
        key, maker = calls_key(self._prefix, user), f"{decision.model}\n{decision.rule or ''}"
        pipe = self._client.pipeline(transaction=False)
        pipe.hset(key, mapping={_field(call): maker for call in calls})
        pipe.expire(key, CALL_SECONDS)
        pipe.hlen(key)
        with redis_call(self._breaker, MemoryUnavailable):
            known = (await pipe.execute())[-1]
            if known > MAX_CALLS:
                await self._client.unlink(key)

    async def recall(self, user: int, calls: Sequence[str]) -> CallOrigin | None:
        """Model and rule behind the first of these calls that is known."""
        key = calls_key(self._prefix, user)
        with redis_call(self._breaker, MemoryUnavailable):
            found: list[Any] = await self._client.hmget(key, [_field(call) for call in calls])
        maker = next((value.decode() for value in found if value), None)
        if maker is None:
            return None
        model, _, rule = maker.partition("\n")
        return CallOrigin(model, rule or None)


def _field(call: str) -> str:
    # The client's own words: a digest has a bound.
    return hashlib.sha256(call.encode()).hexdigest()[:24]
