"""The makers of tool calls on a real Redis: one person's alone, for a day, within a bound."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from conversations.adapters import tool_calls
from conversations.adapters.tool_calls import RedisToolCalls, calls_key
from conversations.engine.types import CallOrigin
from routing.common.redis.clients import Breaker, async_client, close
from routing.domain.decide import default_decision
from routing.domain.errors import MemoryUnavailable
from tests.fakes import RULES

DECISION = default_decision(RULES, "for a test")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = async_client(redis_url)
    yield client
    await close(client)


async def test_calls_are_known_to_their_person(client: redis.asyncio.Redis) -> None:
    calls = RedisToolCalls(client, Breaker(), prefix="calls-test")
    await calls.remember(1, ["a", "b"], DECISION)

    assert await calls.recall(1, ["x", "b"]) == CallOrigin("gpt", "general")
    assert await calls.recall(1, ["x"]) is None
    assert await calls.recall(2, ["a"]) is None
    assert 0 < await client.ttl(calls_key("calls-test", 1)) <= tool_calls.CALL_SECONDS


async def test_more_than_the_bound_are_forgotten(
    client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_calls, "MAX_CALLS", 3)
    calls = RedisToolCalls(client, Breaker(), prefix="calls-bound")
    await calls.remember(1, ["a", "b"], DECISION)
    assert await calls.recall(1, ["a"])
    await calls.remember(1, ["c", "d"], DECISION)

    assert await client.exists(calls_key("calls-bound", 1)) == 0


async def test_redis_away_is_told() -> None:
    client = async_client("redis://127.0.0.1:1/0")
    calls = RedisToolCalls(client, Breaker(), prefix="calls-away")
    with pytest.raises(MemoryUnavailable):
        await calls.recall(1, ["a"])
    await close(client)
