"""Commands that travel together: one round trip, and nobody pays for another's mistake."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, ResponseError

from conversations.adapters.limits import RateLimiter
from conversations.domain.errors import RateLimited
from routing.common.redis.clients import Breaker, PipeliningClient, async_client, close


async def reads(client: redis.asyncio.Redis) -> int:
    """How often Redis has read from a socket."""
    return int((await client.info("stats"))["total_reads_processed"])


async def test_what_is_asked_in_one_turn_is_one_round_trip(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    names = [f"{prefix}:{number}" for number in range(50)]
    before = await reads(async_redis)
    await asyncio.gather(*(async_redis.set(name, name, ex=60) for name in names))
    answers = await asyncio.gather(*(async_redis.get(name) for name in names))

    assert answers == [name.encode() for name in names]
    # Both, and the question itself; others may use this Redis meanwhile, but not a hundred times.
    assert await reads(async_redis) - before < 50


async def test_what_is_asked_meanwhile_waits_for_the_next(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    assert isinstance(async_redis, PipeliningClient)
    under_way = []

    async def ask(number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)
        await async_redis.set(f"{prefix}:{number}", number, ex=60)
        under_way.append(len([t for t in asyncio.all_tasks() if t.get_name().startswith("round")]))

    await asyncio.gather(*map(ask, range(40)))

    assert max(under_way) == 1
    assert [await async_redis.get(f"{prefix}:{number}") for number in (0, 39)] == [b"0", b"39"]


async def test_a_refusal_is_its_callers_alone(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    await async_redis.set(prefix, "text", ex=60)
    answers = await asyncio.gather(
        async_redis.get(prefix),
        async_redis.rpush(prefix, "x"),
        async_redis.get(prefix),
        return_exceptions=True,
    )

    assert (answers[0], answers[2]) == (b"text", b"text")
    assert isinstance(answers[1], ResponseError)
    assert "WRONGTYPE" in str(answers[1])


@pytest.mark.parametrize("value", [object(), "\ud800"], ids=["object", "half a pair"])
async def test_what_cannot_be_sent_fails_its_caller_alone(
    async_redis: redis.asyncio.Redis, prefix: str, value: object
) -> None:
    await async_redis.set(prefix, "text", ex=60)
    answers = await asyncio.gather(
        async_redis.get(prefix),
        async_redis.set(f"{prefix}:other", value),  # type: ignore[arg-type]
        return_exceptions=True,
    )

    assert answers[0] == b"text"
    assert isinstance(answers[1], DataError | UnicodeEncodeError)


@pytest.mark.parametrize(
    "args",
    [
        ("SET", "k", "größe"), ("HSET", "k", "a", 1, "b", 2.5), ("SCRIPT LOAD", b"return 1"), (b"GET", b"k"),
        ("SET", "k", memoryview(b"1")), ("SET", "k", bytearray(b"1")), ("SET", "", ""),
    ],
)  # fmt: skip
def test_commands_are_packed_as_redis_py_packs_them(
    async_redis: redis.asyncio.Redis, args: tuple[Any, ...]
) -> None:
    connection = async_redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    plain = redis.asyncio.Connection(protocol=2)

    assert b"".join(connection.pack_command(*args)) == b"".join(plain.pack_command(*args))
    assert isinstance(connection, redis.asyncio.Connection)


async def test_a_script_that_redis_has_forgotten_is_told_again(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    script = async_redis.register_script("return ARGV[1]")
    for _ in range(2):
        answers = await asyncio.gather(*(script(args=[str(number)]) for number in range(5)))
        assert answers == [b"0", b"1", b"2", b"3", b"4"]
        await async_redis.script_flush()


async def test_when_nobody_listens_everybody_hears_of_it() -> None:
    client = async_client("redis://127.0.0.1:1/0")
    answers = await asyncio.gather(*(client.get("k") for _ in range(5)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [RedisConnectionError] * 5
    await close(client)


async def test_closing_waits_for_what_was_asked(redis_url: str, prefix: str) -> None:
    client = async_client(redis_url)
    asked = [asyncio.ensure_future(client.set(f"{prefix}:{n}", n, ex=60)) for n in range(5)]
    await asyncio.sleep(0)  # asked, not answered
    await close(client)

    assert await asyncio.gather(*asked) == [True] * 5


async def test_calls_are_counted_in_round_trips_of_many(
    async_redis: redis.asyncio.Redis, prefix: str
) -> None:
    limiter = RateLimiter(async_redis, Breaker(), prefix, {"ask": "50/minute"})
    await limiter.hit("ask", "1")
    before = await reads(async_redis)
    await asyncio.gather(*(limiter.hit("ask", "1") for _ in range(49)))

    assert await reads(async_redis) - before < 40
    with pytest.raises(RateLimited):
        await limiter.hit("ask", "1")
