"""Redis killed, emptied, or without search."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio

from assistant_site.launcher import redis_server
from assistant_site.launcher.redis_server import RedisServer
from routing.common.redis.clients import Breaker, async_client, close
from routing.domain.errors import CacheUnavailable
from tests.answer_cache.conftest import Asked, make_cache, make_rules

pytestmark = pytest.mark.services
QUESTION = "What is the capital of France?"


@pytest.fixture
def server(tmp_path: Path) -> RedisServer:
    return RedisServer(tmp_path)


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    server.start()
    client = async_client(server.url)
    yield client
    await close(client)
    server.stop()


@pytest.fixture
def asked(client: redis.asyncio.Redis) -> Asked:
    return Asked(make_cache(client, "test", Breaker(failures=1, reset_after=0)), make_rules())


async def test_the_first_lookup_makes_the_index(asked: Asked) -> None:
    assert await asked.exact(QUESTION) is None
    await asked.store(QUESTION)
    assert await asked.exact(QUESTION)
    assert await asked.similar(1.0)


async def test_many_first_lookups_make_one_index(asked: Asked) -> None:
    found = await asyncio.gather(*(asked.exact(QUESTION) for _ in range(20)))
    assert set(found) == {None}
    await asked.store(QUESTION)
    assert await asked.exact(QUESTION)


async def test_an_emptied_redis_is_used_again(asked: Asked, client: redis.asyncio.Redis) -> None:
    await asked.exact(QUESTION)
    await asked.store(QUESTION)
    await client.flushall()
    assert await asked.similar(1.0) is None
    await asked.store(QUESTION, "Paris, again.")
    assert await asked.similar(1.0) == "Paris, again."


async def test_a_killed_redis_is_said_so_and_its_entries_come_back_with_it(
    asked: Asked, server: RedisServer
) -> None:
    await asked.exact(QUESTION)
    await asked.store(QUESTION)
    server.stop()
    for call in (
        asked.exact(QUESTION),
        asked.similar(1.0),
        asked.store(QUESTION),
    ):
        with pytest.raises(CacheUnavailable):
            await call
    state = await asked.cache.state()
    assert not state.available
    assert "Redis" in state.error
    server.start()
    assert await asked.exact(QUESTION)
    while await asked.similar(1.0) is None:  # the index fills in the background
        pass
    assert (await asked.cache.state()).available


async def test_a_redis_without_search_is_said_so(tmp_path: Path) -> None:
    program = next(iter(redis_server.programs()[-1:]), [""])[0]
    assert shutil.which(program), "no redis-server"
    socket = tmp_path / "plain.sock"
    process = await asyncio.create_subprocess_exec(
        program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    while b"Ready to accept" not in await process.stdout.readline():
        pass
    client = async_client(f"unix://{socket}")
    breaker = Breaker(failures=1)
    cache = make_cache(client, "test", breaker)
    try:
        with pytest.raises(CacheUnavailable, match="unknown command"):
            await Asked(cache, make_rules()).exact(QUESTION)
        assert not (await cache.state()).available
        assert breaker.closed  # Redis answers, and memory and rules go on using it
    finally:
        await close(client)
        process.terminate()
        await process.communicate()
