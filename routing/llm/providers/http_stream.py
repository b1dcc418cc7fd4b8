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
from contextlib import aclosing, asynccontextmanager, suppress
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

ERROR_BYTES = 64 * 1024
"""Bytes that are read of an error reply."""
DRAIN_SECONDS = 0.05
"""Wait for the end of a finished body, so that its connection can be used again."""

_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Header fields that describe the bytes as they were sent, not as they are here."""


class HTTPStreamClient:
    """Posts requests over connections of its own, a pool per event loop."""

    def __init__(self) -> None:
        # aiohttp would ask for it, and for a .netrc, in two threads before every request.
        self._proxy = lru_cache(maxsize=64)(_proxy)
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            WeakKeyDictionary()
        )

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
            async with aclosing(_pieces(response.content, answer, request.timeouts.stall)) as read:
                async for piece in read:
                    yield piece
            # The caller gets the end of the answer first; the connection's last bytes can wait.
            yield answer
            await _drain(response)

    async def whole(self, request: ProviderRequest, model: str) -> WholeAnswer:
        """An answer that was not requested as a stream. Raises as ``stream`` does."""
        async with self._response(request) as response:
            answer = _reader(request, model)
            async with aclosing(_pieces(response.content, answer, request.timeouts.stall)) as read:
                piece = joined([piece async for piece in read])
        return WholeAnswer(piece, answer.finish, answer.usage)

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


async def _pieces(
    content: aiohttp.StreamReader, answer: AnswerReader, stall: float
) -> AsyncGenerator[AnswerPiece, None]:
    """One piece per read. Ends with the answer."""
    now = asyncio.get_running_loop().time
    until: float | None = None
    while not answer.done:
        data = await _read(content, until)
        piece, error = answer.feed(data)
        # What came before an error in the same bytes is passed on first.
        if piece is not None:
            yield piece
        if error:
            raise error
        if not data:
            break
        if answer.finish is None:
            until = None
        elif until is None or (
            piece and piece.answers
        ):  # once, so that pings after the finish do not hold the end up
            until = now() + answer.grace(stall)
    answer.check_whole()


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


def _proxy(origin: URL) -> dict[str, Any]:
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
