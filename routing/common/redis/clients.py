"""Every Redis client of the project, by URL, and how a failure of Redis is told.

redis-py's defaults (ten retries, five seconds) let a dead Redis cost 3.8 s a command and a
black-holed one over 40 s. On the way of an answer that is worse than no Redis at all: here a
command gets half a second and one try, and ``Breaker`` spares the next ones even that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from routing.common.errors import DependencyUnavailable
from routing.common.redis.breaker import Breaker
from routing.common.redis.pipelining import Together
from routing.common.redis.sentinel import SCHEMES, Watched, close_sentinels
from routing.common.tasks import Background

TIMEOUT = 0.5
"""Seconds for a connection, and for a command's reply."""

POOL_SIZE = 128
"""Connections of one client. Callers beyond it wait ``TIMEOUT`` for one to come free."""

BLOCKED = 10_000
"""Connections of a client for blocking reads: each reader holds one."""

# RESP3 would open every connection with a negotiation of push notifications nobody here reads.
_COMMON: dict[str, Any] = {"socket_connect_timeout": TIMEOUT, "protocol": 2}


def async_client(url: str, background: Background | None = None) -> redis.asyncio.Redis:
    """A client for short commands on the event loop that first uses it. Replies are bytes."""
    options: dict[str, Any] = {
        "max_connections": POOL_SIZE,
        "timeout": TIMEOUT,
        "socket_timeout": TIMEOUT,
        "retry": AsyncRetry(NoBackoff(), 0),
        **_COMMON,
    }
    if watched := _watched(url):
        client = watched.async_client(redis_class=Together, **options)
    else:
        client = Together.from_pool(redis.asyncio.BlockingConnectionPool.from_url(url, **options))
    if background and isinstance(client, Together):
        client.background = background
    return client


def blocking_client(url: str) -> redis.asyncio.Redis:
    """A client for blocking reads (``XREAD BLOCK``, pub/sub): it connects in ``TIMEOUT`` but waits for
    replies as long as the command says."""
    options: dict[str, Any] = {
        "socket_timeout": None,
        "retry": AsyncRetry(NoBackoff(), 0),
        **_COMMON,
    }
    if watched := _watched(url):
        return watched.async_client(max_connections=BLOCKED, **options)
    return redis.asyncio.Redis.from_url(url, **options)


async def close(client: redis.asyncio.Redis) -> None:
    """Close a client's connections. One that takes too long to part from is left to the loop: its
    socket is closing already."""
    with suppress(RedisTimeoutError):
        await client.aclose()
    with suppress(RedisTimeoutError):
        await close_sentinels(client)


def sync_client(url: str) -> redis.Redis:
    """A client for commands outside the event loop: admin, management commands. Replies are bytes."""
    options: dict[str, Any] = {"socket_timeout": TIMEOUT, "retry": Retry(NoBackoff(), 0), **_COMMON}
    if watched := _watched(url):
        return watched.sync_client(**options)
    return redis.Redis.from_url(url, **options)


def fault_of_url(url: str) -> str:
    """What is wrong with a Redis URL, in words; empty where nothing is."""
    if urlsplit(url).scheme.endswith("+cluster"):
        return (
            "no Redis Cluster: the query engine needs one address (docs/scaling.md says what to do)"
        )
    try:
        _watched(url) or parse_url(url)  # type: ignore[no-untyped-call] # redis-py
    except ValueError as exc:
        return str(exc)
    return ""


def _watched(url: str) -> Watched | None:
    return Watched.of(url) if urlsplit(url).scheme in SCHEMES else None


@contextmanager
def redis_call(breaker: Breaker, unavailable: type[DependencyUnavailable]) -> Iterator[None]:
    """Talk to Redis in the block: whatever goes wrong there is raised as ``unavailable``.

    Fails at once while ``breaker`` is open. A refused command (wrong type, out of memory, no such
    module) is an answer: it fails the block but does not count against Redis.
    """
    if not breaker.allows():
        raise unavailable("Redis did not answer lately; it is given a moment")
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, OSError) as exc:
        breaker.failed()
        raise unavailable(_told(exc)) from exc
    except RedisError as exc:
        breaker.succeeded()
        raise unavailable(_told(exc)) from exc
    except BaseException:
        breaker.released()
        raise
    breaker.succeeded()


def _told(exc: BaseException) -> str:
    return f"Redis: {type(exc).__name__}: {exc}"
