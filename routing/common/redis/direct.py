"""Direct connection: pipelines of one caller over one connection to Redis, at a tenth of redis-py's CPU.

redis-py connects (address, TLS, password, database, Sentinel), then its socket is used without its
layers: a command and its reply take 15 µs of CPU instead of 150.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import hiredis
from redis.connection import DefaultParser, HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from routing.common.tasks import Background
from routing.common.time_limits import TimeLimit

TIMEOUT = 0.5
"""Seconds for a connection, and for a command's reply."""

Command = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AttachedCommand:
    """Piggyback: a command of one part that travels in a pipeline of another. ``told`` gets its reply, or the
    error of its refusal; neither is told where the pipeline failed."""

    command: Command
    told: Callable[[Any], None]


_PACK: Callable[[Command], bytes] = hiredis.pack_command
_SERIALIZER = HiredisRespSerializer()


def packed(command: Command) -> bytes:
    """The command as it is sent. Raises ``DataError``, and ``UnicodeEncodeError`` for half a pair."""
    if " " not in str(command[0]):
        with suppress(TypeError):
            return _PACK(command)
    return b"".join(_SERIALIZER.pack(*command))  # two words, or bytes of another type


class DirectConnection:
    """Sends one pipeline at a time; connects again after an error. Not for blocking commands."""

    def __init__(self, pool: Any) -> None:
        """``pool``: redis-py's, of a client for the event loop. It closes the connection."""
        self._pool = pool
        self._connection: Any = None
        self._pipeline: _Pipeline | None = None
        self._limit: TimeLimit | None = None

    async def execute(self, commands: Sequence[Command]) -> list[Any]:
        """The replies in order; that of a refused command is redis-py's error for it.

        Raises redis-py's ``ConnectionError`` and ``TimeoutError``: then some may have been executed.
        """
        return await self.send(list(map(packed, commands)))

    async def send(self, commands: Sequence[bytes]) -> list[Any]:
        """The same for commands that are packed."""
        try:
            pipeline, limit = self._pipeline, self._limit
            if pipeline is None or limit is None or pipeline.closed:
                pipeline, limit = await self._connect()
            with limit.until(asyncio.get_running_loop().time() + TIMEOUT):
                return _of_master(await pipeline.send(commands))
        except TimeoutError as exc:
            await self._disconnect()
            raise RedisTimeoutError("no reply in time") from exc
        except BaseException:
            # Replies that are still to come would be taken for those of the next commands.
            await self._disconnect()
            raise

    async def _connect(self) -> tuple[_Pipeline, TimeLimit]:
        await self._disconnect()
        self._connection = await self._pool.get_connection()
        transport = self._connection._writer.transport  # noqa: SLF001 - redis-py hands out no socket
        self._pipeline, self._limit = _Pipeline(transport), TimeLimit()
        return self._pipeline, self._limit

    async def _disconnect(self) -> None:
        connection, self._connection, self._pipeline = self._connection, None, None
        if self._limit:
            self._limit.close()
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)


class SharedConnection:
    """Group commit: commands that are sent while others are under way share the next pipeline of one direct
    connection, in their order. A command whose caller is cancelled is executed all the same."""

    def __init__(self, pool: Any) -> None:
        self._direct = DirectConnection(pool)
        self._waiting: list[tuple[bytes, asyncio.Future[Any]]] = []
        self._trips: asyncio.Task[None] | None = None

    async def execute(self, background: Background, *command: Any) -> Any:
        """The reply. ``background`` owns the round trips. Raises redis-py's errors, those of a refusal too; a
        command that cannot be sent fails its caller alone."""
        ready = packed(command)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((ready, reply))
        if self._trips is None:
            trips = background.start("round trips to Redis", self._send(), finish=True)
            self._trips = trips
        return await reply

    async def quiet(self) -> None:
        """Wait for the replies under way."""
        if self._trips:
            await asyncio.wait({self._trips})

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                replies = self._direct.send([command for command, _ in batch])
                await _hand_out(replies, [reply for _, reply in batch])
        finally:
            self._trips = None
            for _, reply in self._waiting:
                reply.cancel()  # the task was cancelled


async def _hand_out(
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


class _Pipeline(asyncio.Protocol):
    """The protocol of a connected transport: writes commands, and collects as many replies."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._before = transport, transport.get_protocol()
        self._reader = hiredis.Reader(replyError=DefaultParser.parse_error)
        self._replies: list[Any] = []
        self._missing = 0
        self._waiter: asyncio.Future[list[Any]] | None = None
        self.closed = False
        transport.set_protocol(self)

    def send(self, commands: Sequence[bytes]) -> asyncio.Future[list[Any]]:
        """Write packed commands at once; the future has their replies."""
        self._replies, self._missing = [], len(commands)
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(b"".join(commands))
        return self._waiter

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._replies.append(reply)
        if self._waiter and not self._waiter.done() and len(self._replies) >= self._missing:
            self._waiter.set_result(self._replies)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(RedisConnectionError("the connection was lost"))
        # redis-py waits for it where it closes its connections.
        self._before.connection_lost(exc)


def _of_master(replies: list[Any]) -> list[Any]:
    """The replies. Raises ``ConnectionError`` for those of a replica, which was the master before."""
    for reply in replies:
        if isinstance(reply, ReadOnlyError):
            raise RedisConnectionError(str(reply))
    return replies
