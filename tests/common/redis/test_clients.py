"""A Redis that is dead, silent or refuses: what callers see of it, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import redis.asyncio

from routing.common.redis.clients import Breaker, async_client, close, redis_call, sync_client
from routing.domain.errors import CacheUnavailable


@pytest.fixture
def silent_url() -> Iterator[str]:
    """A server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def dead_url() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"redis://127.0.0.1:{server.getsockname()[1]}/0"


async def test_a_silent_redis_is_given_up_and_then_not_asked(silent_url: str) -> None:
    client, breaker = async_client(silent_url), Breaker(failures=1, reset_after=60)
    with pytest.raises(CacheUnavailable, match="Timeout"), redis_call(breaker, CacheUnavailable):
        await client.get("key")
    asked = False
    with pytest.raises(CacheUnavailable, match="moment"), redis_call(breaker, CacheUnavailable):
        asked = True
    assert not asked
    await close(client)


async def test_a_dead_redis_opens_the_breaker(dead_url: str) -> None:
    client, breaker = async_client(dead_url), Breaker(failures=3)
    for _ in range(3):
        with pytest.raises(CacheUnavailable), redis_call(breaker, CacheUnavailable):
            await client.get("key")
    assert not breaker.closed
    await close(client)


def test_the_sync_client_gives_up_too(silent_url: str) -> None:
    breaker = Breaker(failures=1)
    client = sync_client(silent_url)
    with pytest.raises(CacheUnavailable, match="Timeout"), redis_call(breaker, CacheUnavailable):
        client.get("key")
    client.close()


async def test_a_refused_command_does_not_count_against_redis(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    breaker = Breaker(failures=1)
    await async_redis.set(prefix, "text", ex=60)
    with pytest.raises(CacheUnavailable, match="WRONGTYPE"), redis_call(breaker, CacheUnavailable):
        await async_redis.rpush(prefix, "element")
    assert breaker.closed


async def test_replies_do_not_cross_when_callers_are_cancelled(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    names = [f"{prefix}:{number}" for number in range(100)]
    await asyncio.gather(*(async_redis.set(name, name, ex=60) for name in names))
    for _ in range(10):
        reads = [asyncio.ensure_future(async_redis.get(name)) for name in names]
        await asyncio.sleep(0)  # on their way, not answered
        for read in reads[::2]:
            read.cancel()
        answers = await asyncio.gather(*reads, return_exceptions=True)
        whole = [(n, a) for n, a in zip(names, answers, strict=True) if isinstance(a, bytes)]
        assert len(whole) >= 50
        assert all(answer == name.encode() for name, answer in whole)


async def test_callers_beyond_the_pool_wait_for_a_connection(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    await async_redis.set(prefix, "1", ex=60)
    answers = await asyncio.gather(*(async_redis.get(prefix) for _ in range(400)))
    assert set(answers) == {b"1"}
