"""A client's connection that only keeps what it reads: no parsing while others are being timed."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(slots=True)
class Exchange:
    """One request. ``cut``: its answer was not waited for to the end, or the connection was lost."""

    sent: float = 0.0
    given_up: float = 0.0
    reads: list[tuple[float, bytes]] = field(default_factory=list)
    cut: bool = True


class Connection(asyncio.Protocol):
    """Keeps alive between exchanges, one at a time; opened anew where the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._exchange: Exchange | None = None
        self._tail, self._left = b"", -1
        self._ended = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    async def __aenter__(self) -> Connection:
        """It opens with the first question."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it, whatever is still to come."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by shape only

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._transport = None
        self._ended.set()

    async def ask(self, exchange: Exchange, request: bytes, give_up_at: float) -> None:
        """Send, and wait for the whole answer; ``exchange`` tells what came."""
        self._exchange, self._tail, self._left = exchange, b"", -1
        if self._transport is None:
            await asyncio.get_running_loop().create_connection(
                lambda: self, "127.0.0.1", self._port
            )
        assert self._transport is not None
        self._ended.clear()
        exchange.sent = time.perf_counter()
        self._transport.write(request)
        try:
            async with asyncio.timeout(max(0.0, give_up_at - exchange.sent)):
                await self._ended.wait()
        except TimeoutError:
            self._exchange = None
            self._transport.abort()
        exchange.given_up = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        """Note it, and when it is the end."""
        exchange = self._exchange
        if exchange is None:
            return
        exchange.reads.append((time.perf_counter(), data))
        if len(exchange.reads) == 1 and (found := _LENGTH.search(data)):
            self._left = int(found[1]) + data.index(b"\r\n\r\n") + 4
        if self._left >= 0:
            self._left -= len(data)
            whole = self._left <= 0
        else:
            self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]
            whole = self._tail == _LAST_CHUNK
        if whole:
            exchange.cut = False
            self._exchange = None
            self._ended.set()
