"""Pipelines without redis-py's layers: order of replies, refusals, lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from routing.common.redis import direct
from routing.common.redis.clients import async_client, close
from routing.common.redis.direct import DirectConnection, SharedConnection
from routing.common.tasks import Background

Execute = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    made = async_client(redis_url)
    yield made
    await close(made)


@pytest.fixture
async def connection(client: redis.asyncio.Redis) -> DirectConnection:
    return DirectConnection(client.connection_pool)


async def test_replies_come_in_order(connection: DirectConnection) -> None:
    many = [("ECHO", str(number)) for number in range(5_000)]

    assert await connection.execute([("PING",)]) == [b"PONG"]
    assert await connection.execute(many) == [str(number).encode() for number in range(5_000)]


async def test_a_refusal_is_the_reply_of_its_command(connection: DirectConnection) -> None:
    refused, fine = await connection.execute([("NO-SUCH",), ("ECHO", b"\xff\r\n")])

    assert isinstance(refused, ResponseError)
    assert fine == b"\xff\r\n"


async def test_a_lost_connection_fails_once(
    connection: DirectConnection, client: redis.asyncio.Redis
) -> None:
    [number] = await connection.execute([("CLIENT", "ID")])
    waiting = asyncio.create_task(connection.execute([("BLPOP", "direct:none", 0)]))
    await asyncio.sleep(0)
    await client.client_kill_filter(_id=str(number))

    with pytest.raises(RedisConnectionError):
        await waiting
    assert await connection.execute([("PING",)]) == [b"PONG"]


async def test_a_connection_that_was_lost_meanwhile_is_opened_again(
    connection: DirectConnection, client: redis.asyncio.Redis
) -> None:
    [number] = await connection.execute([("CLIENT", "ID")])
    await client.client_kill_filter(_id=str(number))
    await client.ping()

    assert await connection.execute([("CLIENT", "ID")]) != [number]


@pytest.mark.parametrize("way", ["late", "cancelled"])
async def test_replies_of_one_pipeline_are_not_taken_for_the_next(
    connection: DirectConnection, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    await connection.execute([("PING",)])
    monkeypatch.setattr(direct, "TIMEOUT", 0.01 if way == "late" else 10)
    waiting = asyncio.create_task(connection.execute([("BLPOP", "direct:none", 1)]))
    await asyncio.sleep(0)
    if way == "cancelled":
        waiting.cancel()
    with pytest.raises(RedisTimeoutError if way == "late" else asyncio.CancelledError):
        await waiting
    monkeypatch.setattr(direct, "TIMEOUT", 0.5)

    assert await connection.execute([("ECHO", "next")]) == [b"next"]


async def test_it_leaves_a_server_that_became_a_replica(connection: DirectConnection) -> None:
    with pytest.raises(RedisConnectionError):
        await connection.execute([("EVAL", "return redis.error_reply('READONLY replica')", 0)])

    assert await connection.execute([("PING",)]) == [b"PONG"]


@pytest.fixture
async def shared(client: redis.asyncio.Redis) -> AsyncIterator[Execute]:
    background = Background()
    yield partial(SharedConnection(client.connection_pool).execute, background)
    await background.close()


async def test_commands_of_many_share_a_pipeline_and_a_refusal_is_its_callers_alone(
    shared: Execute, client: redis.asyncio.Redis, prefix: str
) -> None:
    async def total_reads() -> int:
        return int((await client.info("stats"))["total_reads_processed"])

    before = await total_reads()
    asked = [shared("INCR", f"{prefix}:n") for _ in range(500)]
    *counts, refused = await asyncio.gather(*asked, shared("NO"), return_exceptions=True)

    assert counts == list(range(1, 501))
    assert isinstance(refused, ResponseError)
    assert await total_reads() - before < 200


async def test_a_lost_connection_fails_those_that_wait_and_no_later_ones(
    shared: Execute, client: redis.asyncio.Redis
) -> None:
    number = await shared("CLIENT", "ID")
    waiting = asyncio.create_task(shared("BLPOP", "direct:none", 0))
    await asyncio.sleep(0)
    later = asyncio.create_task(shared("ECHO", "later"))
    await client.client_kill_filter(_id=str(number))

    with pytest.raises(RedisConnectionError):
        await waiting
    assert await shared("PING") == b"PONG"
    await asyncio.wait([later])


async def test_a_command_is_executed_though_its_caller_is_cancelled(
    shared: Execute, prefix: str
) -> None:
    gone = asyncio.create_task(shared("INCR", f"{prefix}:gone"))
    await asyncio.sleep(0)
    gone.cancel()

    assert await shared("INCR", f"{prefix}:gone") == 2
