"""Direct streaming client: sends a provider's request on our own sockets and reads the reply.

``client`` calls ``HTTPStreamClient``; ``AnswerReader`` makes pieces of the bytes: ``SSEDecoder`` cuts them
into events, and the provider's ``StreamReader`` finds the parts of each. Through LiteLLM's own stream a
token costs about a millisecond of CPU, because it becomes several objects. Here tokens that arrive
together leave together, as one piece.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx
import orjson
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from routing.llm.providers.answer_reader import AnswerReader
from routing.llm.providers.base import AnswerPiece, ProviderRequest, WholeAnswer, joined
from routing.llm.providers.read_ticks import ReadTicks, TickMode

ERROR_BYTES = 64 * 1024
"""Bytes that are read of an error reply."""
DRAIN_SECONDS = 0.05
"""Wait for the end of a finished body, so that its connection can be used again."""

_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Header fields that describe the bytes as they were sent, not as they are here."""


class HTTPStreamClient:
    """Posts requests over connections of its own, a pool per event loop. ``ticks`` says when reads of
    streams are gathered: see ``read_ticks``."""

    def __init__(self, ticks: TickMode = TickMode.AUTO) -> None:
        # aiohttp would ask for it, and for a .netrc, in two threads before every request.
        self._proxy = lru_cache(maxsize=64)(proxy_of)
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            WeakKeyDictionary()
        )
        self._mode = ticks
        self._ticks: WeakKeyDictionary[asyncio.AbstractEventLoop, ReadTicks] = WeakKeyDictionary()

    @property
    def ticks(self) -> ReadTicks:
        """The running event loop's."""
        loop = asyncio.get_running_loop()
        if loop not in self._ticks:
            self._ticks[loop] = ReadTicks(self._mode)
        return self._ticks[loop]

    async def stream(
        self, request: ProviderRequest, model: str
    ) -> AsyncGenerator[AnswerPiece | AnswerReader, None]:
        """The pieces as they arrive, and last the reader, which holds the finish and the usage.

        Raises ``httpx.HTTPStatusError`` with the provider's message for any status but 200,
        ``EventError`` for an error inside the stream, ``ProviderStreamBroken`` and ``ProviderRefused``
        for an incomplete answer, and aiohttp's errors. Closing the generator closes the connection.
        """
        async with self._response(request) as response:
            answer = _reader(request, model)
            ticks = self.ticks
            reading = _Reading(response, answer, request.timeouts.stall, ticks)
            with ticks.stream():
                while (piece := await reading.next()) is not None:
                    yield piece
            # The caller gets the end of the answer first; the connection's last bytes can wait.
            yield answer
            await _drain(response)

    async def whole(self, request: ProviderRequest, model: str) -> WholeAnswer:
        """An answer that was not requested as a stream. Raises as ``stream`` does."""
        pieces: list[AnswerPiece] = []
        async with self._response(request) as response:
            answer = _reader(request, model)
            reading = _Reading(response, answer, request.timeouts.stall)
            while (piece := await reading.next()) is not None:
                pieces.append(piece)
        return WholeAnswer(joined(pieces), answer.finish, answer.usage)

    @asynccontextmanager
    async def _response(self, request: ProviderRequest) -> AsyncIterator[aiohttp.ClientResponse]:
        response = await self._session().post(
            request.url,
            # In pieces: a write of megabytes at once would hold the event loop.
            data=io.BytesIO(orjson.dumps(request.body)),
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(
                total=request.timeouts.total, sock_connect=request.timeouts.connect
            ),
            allow_redirects=False,
            **self._proxy(URL(request.url).origin()),
        )
        try:
            if response.status != 200:
                raise await _status_error(response)
            yield response
        finally:
            response.close()

    async def aclose(self) -> None:
        """Close the running loop's connections; a later call opens new ones."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if loop not in self._sessions:
            self._sessions[loop] = aiohttp.ClientSession(
                # httpx's context: LiteLLM's connections trust the same authorities.
                connector=aiohttp.TCPConnector(limit=0, ssl=httpx.create_ssl_context()),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._sessions[loop]


def _reader(request: ProviderRequest, model: str) -> AnswerReader:
    return AnswerReader(request.provider, model, ends_without_finish=request.ends_without_finish)


class _Reading:
    """Reads a response to the end of its answer. With ``ticks``, reads are held from the answer's first
    piece to its finish."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        answer: AnswerReader,
        stall: float,
        ticks: ReadTicks | None = None,
    ) -> None:
        self._response, self._answer, self._stall = response, answer, stall
        self._ticks = ticks
        self._until: float | None = None
        self._began = self._ended = False
        self._error: Exception | None = None

    async def next(self) -> AnswerPiece | None:
        """The piece of the next read that has one; ``None`` at the end of the answer."""
        answer = self._answer
        while self._error is None and not (answer.done or self._ended):
            if self._ticks and self._began and answer.finish is None:
                self._hold(self._ticks)
            data = await _read(self._response.content, self._until)
            piece, self._error = answer.feed(data)
            self._ended = not data
            self._note(piece)
            # What came before an error in the same bytes is passed on first.
            if piece is not None:
                return piece
        if self._error is not None:
            raise self._error
        answer.check_whole()
        return None

    def _hold(self, ticks: ReadTicks) -> None:
        # The connection is gone once all of the reply was read off it.
        if (connection := self._response.connection) is not None:
            ticks.hold(connection.transport)

    def _note(self, piece: AnswerPiece | None) -> None:
        answers = piece is not None and piece.answers
        self._began = self._began or answers
        if self._answer.finish is None:
            self._until = None
        elif self._until is None or answers:
            # Once, so that pings after the finish do not hold the end up.
            now = asyncio.get_running_loop().time()
            self._until = now + self._answer.grace(self._stall)


async def _read(content: aiohttp.StreamReader, until: float | None) -> bytes:
    """The next bytes; none at the end. With a time limit, after the finish reason, neither silence nor a
    broken end spoils the answer."""
    if until is None:
        return await content.readany()
    try:
        async with asyncio.timeout_at(until):
            return await content.readany()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return b""


def proxy_of(origin: URL) -> dict[str, Any]:
    """The environment's proxy for a provider (``HTTPS_PROXY``, ``NO_PROXY``), as aiohttp takes it."""
    try:
        proxy, auth = get_env_proxy_for_url(origin)
    except LookupError:
        return {}
    return {"proxy": proxy, "proxy_auth": auth}


async def _status_error(response: aiohttp.ClientResponse) -> httpx.HTTPStatusError:
    """An error status and the provider's message, as the class that the table of errors knows."""
    body = b""
    with suppress(aiohttp.ClientError, TimeoutError):
        while len(body) < ERROR_BYTES and (part := await response.content.readany()):
            body += part
    request = httpx.Request("POST", str(response.url))
    headers = {
        name: text for name, text in response.headers.items() if name.lower() not in _BODY_HEADERS
    }
    answer = httpx.Response(response.status, headers=headers, content=body, request=request)
    return httpx.HTTPStatusError(body.decode("utf-8", "replace"), request=request, response=answer)


async def _drain(response: aiohttp.ClientResponse) -> None:
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while await response.content.readany():
                pass
