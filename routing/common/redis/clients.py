"""Redis clients: their time limits, the circuit breaker of their calls, and pipelining.

redis-py's defaults (ten retries, five seconds) let a dead Redis cost 3.8 s a command and a
black-holed one over 40 s. An answer would rather do without: here a command gets half a second and
one try, and ``Breaker`` spares the next ones even that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import hiredis
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from routing.common.errors import DependencyUnavailable
from routing.common.redis.sentinel import SCHEMES, SentinelService, close_sentinels
from routing.common.tasks import Background

TIMEOUT = 0.5
"""Seconds for a connection, and for a command's reply."""

POOL_SIZE = 128
"""Connections of one client. Callers beyond it wait ``TIMEOUT`` for one to come free."""

BLOCKED = 10_000
"""Connections of a client for blocking reads: each reader holds one."""

ROUND_TRIPS = 2
"""Round trips of one client at once. Later commands wait for the end of one of them."""

# RESP3 would open every connection with a negotiation of push notifications, which are not read here.
_COMMON: dict[str, Any] = {"socket_connect_timeout": TIMEOUT, "protocol": 2}

_SERIALIZER = HiredisRespSerializer()

_Arguments = tuple[Any, ...]
_Command = tuple[_Arguments, dict[str, Any], "asyncio.Future[Any]"]


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
    """Automatic pipelining: commands that are sent while others are under way share a round trip.

    redis-py takes a connection, a write and a read for every command, some 0.15 ms of CPU. With few
    commands at a time none of them waits; with many, a command costs a third. For short commands on one
    event loop. Pipelines, transactions and scripts are redis-py's.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.background = Background()
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._waiting: list[_Command] = []

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py's. A command that cannot be sent, or is cancelled, fails for its caller alone."""
        if self._under_way >= ROUND_TRIPS:
            return await self._enqueue(args, options)
        self._depart()
        try:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        finally:
            self._arrive()

    async def aclose(self, *args: Any, **options: Any) -> None:
        """Wait for the commands under way, then close the connections."""
        await self._quiet.wait()
        await super().aclose(*args, **options)

    def _enqueue(self, args: Sequence[Any], options: dict[str, Any]) -> asyncio.Future[Any]:
        _packed(tuple(args))  # a value that cannot be sent must fail before it shares a pipeline
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((tuple(args), options, reply))
        return reply

    def _depart(self) -> None:
        self._under_way += 1
        self._quiet.clear()

    def _arrive(self, _: asyncio.Task[None] | None = None) -> None:
        self._under_way -= 1
        commands = [command for command in self._waiting if not command[2].done()]
        self._waiting.clear()
        if commands:
            self._depart()
            trip = self.background.start("round trip to Redis", self._send(commands), finish=True)
            trip.add_done_callback(self._arrive)
        elif not self._under_way:
            self._quiet.set()

    async def _send(self, commands: Sequence[_Command]) -> None:
        await hand_out(self._replies(commands), [future for _, _, future in commands])

    async def _replies(self, commands: Sequence[_Command]) -> list[Any]:
        """A refusal is the reply to one command; an error that is raised concerns all of them."""
        if len(commands) == 1:
            arguments, options, _ = commands[0]
            return [await super().execute_command(*arguments, **options)]  # type: ignore[no-untyped-call]
        pipe = self.pipeline(transaction=False)
        for arguments, options, _ in commands:
            pipe.execute_command(*arguments, **options)
        return await pipe.execute(raise_on_error=False)


class _PackedByHiredis:
    """Mixin: redis-py's blocking connections pack commands in C, its asynchronous ones in Python."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return _packed(args)


@cache
def _packing(connection: Any) -> type[Any]:
    return type(connection.__name__, (_PackedByHiredis, connection), {})


def _packed(args: _Arguments) -> list[bytes]:
    """Raises ``DataError``."""
    if " " not in str(args[0]):
        with suppress(TypeError):
            return [hiredis.pack_command(args)]
    return _SERIALIZER.pack(*args)  # type: ignore[no-any-return]  # two words, or bytes of another type


async def hand_out(
    replies: Awaitable[Sequence[Any]], futures: Sequence[asyncio.Future[Any]]
) -> None:
    """Give each waiting caller the reply to its command, in their order; an error that is raised concerns all."""
    try:
        told = await replies
    except asyncio.CancelledError:
        for future in futures:
            future.cancel()
        raise
    except Exception as exc:  # noqa: BLE001 - raised to the caller of each command
        told = [exc] * len(futures)
    for future, reply in zip(futures, told, strict=True):
        if future.done():
            continue
        if isinstance(reply, Exception):
            future.set_exception(reply)
        else:
            future.set_result(reply)


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
