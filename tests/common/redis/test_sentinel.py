"""Redis by the word of its Sentinels: the URL, and the master's failover over real processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import RedisError

from assistant_site.checks import refuse_wrong_redis_url
from routing.common.redis.clients import (
    async_client,
    blocking_client,
    close,
    fault_of_url,
    sync_client,
)
from routing.common.redis.sentinel import SentinelService
from tests.redis_sentinel import WatchedRedis, watched_redis


@pytest.mark.parametrize(
    ("url", "sentinels", "service", "options", "theirs"),
    [
        ("redis+sentinel://a:1,b:2/site/3", (("a", 1), ("b", 2)), "site", {"db": 3}, {}),
        ("redis+sentinel://a,[::1]:2/site", (("a", 26379), ("::1", 2)), "site", {"db": 0}, {}),
        (
            "rediss+sentinel://me:p%40ss@a:1/site/0?sentinel_password=other&ssl_cert_reqs=none",
            (("a", 1),),
            "site",
            {"db": 0, "username": "me", "password": "p@ss", "ssl": True, "ssl_cert_reqs": "none"},
            {"password": "other"},
        ),
    ],
)
def test_a_url_is_read(
    url: str, sentinels: Any, service: str, options: dict[str, Any], theirs: dict[str, str]
) -> None:
    assert SentinelService.of(url) == SentinelService(sentinels, service, options, theirs)
    assert fault_of_url(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a:1",
        "redis+sentinel:///site",
        "redis+sentinel://a:port/site",
        "redis+sentinel://a:1,/site",
        "redis+cluster://a:1/0",
        "http://a/0",
        "a:6379",
    ],
)
def test_what_is_no_such_url_is_refused(url: str, settings: LazySettings) -> None:
    settings.REDIS_URL = url
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        refuse_wrong_redis_url(settings.REDIS_URL)


def test_tls_is_spoken_to_both_and_passwords_to_one() -> None:
    client = async_client("rediss+sentinel://:own@a:1/site?sentinel_password=theirs")
    pool: Any = client.connection_pool
    (sentinel,) = pool.sentinel_manager.sentinels
    assert "SSL" in pool.connection_class.__name__
    assert "SSL" in sentinel.connection_pool.connection_class.__name__
    assert pool.connection_kwargs["password"] == "own"
    assert sentinel.connection_pool.connection_kwargs["password"] == "theirs"
    assert sentinel.connection_pool.connection_kwargs["socket_timeout"] == 0.5


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedRedis]:
    with watched_redis(tmp_path) as running:
        yield running


async def _again(call: Callable[[], Awaitable[Any]]) -> Any:
    """Until there is a master, and every connection to the dead one was given up."""
    while True:
        try:
            return await call()
        except (RedisError, OSError):
            await asyncio.sleep(0.05)


@pytest.mark.services
async def test_every_client_finds_the_new_master(watched: WatchedRedis) -> None:
    client, reader = async_client(watched.url), blocking_client(watched.url)
    with sync_client(watched.url) as outside:
        await _again(lambda: client.set("before", 1))
        assert await reader.get("before") == b"1"
        assert outside.get("before") == b"1"
        watched.lose_master()
        with watched.promoted() as survivor:
            await _again(lambda: client.set("after", 1))
            assert survivor.mget("before", "after") == [b"1", b"1"]
        assert await _again(lambda: reader.get("after")) == b"1"
        assert await _again(lambda: asyncio.to_thread(outside.get, "after")) == b"1"
    await close(client)
    await close(reader)
