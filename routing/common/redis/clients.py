"""Redis clients: their time limits, the circuit breaker of their calls, and pipelining.

redis-py's defaults (ten retries, five seconds) let a dead Redis cost 3.8 s a command and a
black-holed one over 40 s. An answer would rather do without: here a command gets half a second and
one try, and ``Breaker`` spares the next ones even that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.connection import parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from routing.common.errors import DependencyUnavailable
from routing.common.redis.direct import TIMEOUT, SharedConnection, packed
from routing.common.redis.sentinel import SCHEMES, SentinelService, close_sentinels
from routing.common.tasks import Background

POOL_SIZE = 128
"""Connections of one client. Callers beyond it wait ``TIMEOUT`` for one to come free."""

BLOCKED = 10_000
"""Connections of a client for blocking reads: each reader holds one."""

# RESP3 would open every connection with a negotiation of push notifications, which are not read here.
_COMMON: dict[str, Any] = {"socket_connect_timeout": TIMEOUT, "protocol": 2}


class Breaker:
    """Circuit breaker: fails at once while a dependency is known to be down.

    Opens after ``failures`` in a row; once ``reset_after`` seconds passed, one probe goes through. The
    probe's success closes the breaker, its failure keeps it open for another ``reset_after``. ``clock``
    counts seconds and never goes back.
    """

    def __init__(
        self,
        failures: int = 3,
        reset_after: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._reset_after, self._clock = failures, reset_after, clock
        self._failures = 0
        self._retry_at: float | None = None

    @property
    def closed(self) -> bool:
        """Whether calls go through."""
        return self._retry_at is None

    def allows(self) -> bool:
        """Whether to make the call. While open, the one ``True`` an interval is the probe."""
        if self._retry_at is None:
            return True
        now = self._clock()
        if now < self._retry_at:
            return False
        # There is one probe at a time; a probe that never reports is replaced an interval later.
        self._retry_at = now + self._reset_after
        return True

    def succeeded(self) -> None:
        """Report a reply, also a refusal."""
        self._failures = 0
        self._retry_at = None

    def failed(self) -> None:
        """Report that there was no reply."""
        self._failures += 1
        if self._failures >= self._limit:
            self._retry_at = self._clock() + self._reset_after

    def released(self) -> None:
        """Report a call that was cancelled: it says nothing of the dependency."""
        if self._retry_at is not None:
            self._retry_at = self._clock()


@contextmanager
def redis_call(breaker: Breaker, unavailable: type[DependencyUnavailable]) -> Iterator[None]:
    """Guard calls to Redis in the block: their errors are raised as ``unavailable``.

    Fails at once while ``breaker`` is open. A refused command (wrong type, out of memory, no such
    module) is an answer: it fails the block but does not count against Redis.
    """
    if not breaker.allows():
        raise unavailable("Redis did not answer lately; it is given a moment")
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, OSError) as exc:
        breaker.failed()
        raise unavailable(f"Redis: {type(exc).__name__}: {exc}") from exc
    except RedisError as exc:
        breaker.succeeded()
        raise unavailable(f"Redis: {type(exc).__name__}: {exc}") from exc
    except BaseException:
        breaker.released()
        raise
    breaker.succeeded()


class PipeliningClient(redis.asyncio.Redis):
    """Automatic pipelining: commands share one direct connection, and those that are sent while others are
    under way share a round trip.

    redis-py takes a connection, a write and a read for every command, at three times the CPU. For short
    commands on one event loop. Pipelines, transactions and searches, which may take long, are redis-py's.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.background = Background()
        self._shared = SharedConnection(self.connection_pool)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's. A command that cannot be sent fails for its caller alone; one whose caller is
        cancelled is executed all the same."""
        name = args[0]
        if str(name).startswith("FT.") or NEVER_DECODE in options or EMPTY_RESPONSE in options:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        reply = await self._shared.execute(self.background, *args)
        made = self.response_callbacks.get(name)
        if made is None:
            return reply
        options.pop("keys", None)  # of redis-py's cache
        return made(reply, **options)

    async def aclose(self, *args: Any, **options: Any) -> None:
        """Wait for the commands under way, then close the connections."""
        await self._shared.quiet()
        await super().aclose(*args, **options)


class _PackedByHiredis:
    """Mixin: redis-py's blocking connections pack commands in C, its asynchronous ones in Python."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return [packed(args)]


@cache
def _packing(connection: Any) -> type[Any]:
    return type(connection.__name__, (_PackedByHiredis, connection), {})


def async_client(url: str, background: Background | None = None) -> redis.asyncio.Redis:
    """A client for short commands on the event loop that first uses it. Replies are bytes."""
    options: dict[str, Any] = {
        "max_connections": POOL_SIZE,
        "timeout": TIMEOUT,
        "socket_timeout": TIMEOUT,
        "retry": AsyncRetry(NoBackoff(), 0),
        **_COMMON,
    }
    if service := _sentinel_service(url):
        client = service.async_client(redis_class=PipeliningClient, **options)
    else:
        pool = redis.asyncio.BlockingConnectionPool.from_url(url, **options)
        client = PipeliningClient.from_pool(pool)
    connections: Any = client.connection_pool
    connections.connection_class = _packing(connections.connection_class)
    if background and isinstance(client, PipeliningClient):
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
    if service := _sentinel_service(url):
        return service.async_client(max_connections=BLOCKED, **options)
    return redis.asyncio.Redis.from_url(url, **options)


def sync_client(url: str) -> redis.Redis:
    """A client for commands outside the event loop: admin, management commands. Replies are bytes."""
    options: dict[str, Any] = {"socket_timeout": TIMEOUT, "retry": Retry(NoBackoff(), 0), **_COMMON}
    if service := _sentinel_service(url):
        return service.sync_client(**options)
    return redis.Redis.from_url(url, **options)


async def close(client: redis.asyncio.Redis) -> None:
    """Close a client's connections. A connection that takes too long is left to the event loop: its
    socket is closing already."""
    with suppress(RedisTimeoutError):
        await client.aclose()
    with suppress(RedisTimeoutError):
        await close_sentinels(client)


def fault_of_url(url: str) -> str:
    """The fault of a Redis URL, in words; empty for none."""
    if urlsplit(url).scheme.endswith("+cluster"):
        return (
            "no Redis Cluster: the query engine needs one address (docs/scaling.md says what to do)"
        )
    try:
        _sentinel_service(url) or parse_url(url)  # type: ignore[no-untyped-call] # redis-py
    except ValueError as exc:
        # An error of a port quotes it, and it may be the start of a password with a slash.
        return (
            str(exc) if "@" not in url else "it cannot be read as redis://user:password@host:6379/0"
        )
    return ""


def _sentinel_service(url: str) -> SentinelService | None:
    return SentinelService.of(url) if urlsplit(url).scheme in SCHEMES else None
