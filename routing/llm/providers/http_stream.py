"""The provider's bytes on our own socket: a pooled connection, events parsed as they arrive.

Through LiteLLM's own stream a token costs about a millisecond of CPU, because it becomes several objects
on its way. Here tokens that arrive together leave together, as one text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx
import orjson
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import RawChunk
from routing.domain.rules import Timeouts
from routing.llm.providers import streams
from routing.llm.providers.sse_decoder import EventStream
from routing.llm.providers.wire_formats import EventError, StreamReader, WholeAnswer, WireFormat

ERROR_BYTES = 64 * 1024
"""How much of a provider's refusal is read."""
DRAIN_SECONDS = 0.05
"""How long the end of a finished body is waited for, to use its connection again."""

_NO_EVENT = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What reading an event raises that is not of its format."""
_OF_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Header fields that spoke of the bytes as they were sent."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request as it goes over the wire, and the format of its answer."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    format: WireFormat
    timeouts: Timeouts


class FastLane:
    """Streams over connections of its own, a pool per event loop."""

    def __init__(self) -> None:
        # aiohttp would ask for it, and for a .netrc, in two threads before every request.
        self._proxy = lru_cache(maxsize=64)(_proxy)
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            WeakKeyDictionary()
        )

    async def stream(
        self, request: WireRequest, model: str
    ) -> AsyncGenerator[RawChunk | StreamReader, None]:
        """The answer's texts as they arrive, and at its end the reader, which knows the rest.

        Raises ``httpx.HTTPStatusError`` with the provider's words for any status but 200,
        ``ProviderStreamBroken`` and ``ProviderRefused`` for what is no whole answer, and what aiohttp
        raises. Closing it closes the connection.
        """
        async with self._answered(request) as response:
            reader = request.format.stream()
            async with aclosing(_texts(response.content, reader, model)) as texts:
                async for text in texts:
                    yield RawChunk(text)
            yield reader
            await _drained(response)

    async def whole(self, request: WireRequest, model: str) -> WholeAnswer:
        """An answer that was not asked for as a stream. Raises what ``stream`` does."""
        async with self._answered(request) as response:
            body = await response.read()
        try:
            return request.format.whole(body)
        except _NO_EVENT as exc:
            raise ProviderStreamBroken(model, type(exc).__name__) from exc

    @asynccontextmanager
    async def _answered(self, request: WireRequest) -> AsyncIterator[aiohttp.ClientResponse]:
        response = await self._session().post(
            request.url,
            data=orjson.dumps(request.body),
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(
                total=request.timeouts.total, sock_connect=request.timeouts.connect
            ),
            allow_redirects=False,
            **self._proxy(URL(request.url).origin()),
        )
        try:
            if response.status != 200:
                raise await _refusal(response)
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
                # httpx's context: the other lane trusts the same authorities.
                connector=aiohttp.TCPConnector(limit=0, ssl=httpx.create_ssl_context()),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._sessions[loop]


def _proxy(origin: URL) -> dict[str, Any]:
    """The proxy that the environment names for a provider (``HTTPS_PROXY``, ``NO_PROXY``), as aiohttp
    takes it."""
    try:
        proxy, auth = get_env_proxy_for_url(origin)
    except LookupError:
        return {}
    return {"proxy": proxy, "proxy_auth": auth}


async def _texts(
    content: aiohttp.StreamReader, reader: StreamReader, model: str
) -> AsyncGenerator[str, None]:
    """What is said, by the read; ``""`` for thoughts. Ends with the answer."""
    events, told = EventStream(), False
    while not reader.done:
        read = await _read(content, finished=reader.finish is not None)
        text, fault = _heard(events, read, reader)
        if text is not None:
            told = told or bool(text)
            yield text
        if isinstance(fault, EventError):
            raise fault
        if fault:
            raise ProviderStreamBroken(model, type(fault).__name__) from fault
        if not read:
            break
    if reader.finish is None:
        raise ProviderStreamBroken(model, "the stream ended without a finish")
    if not told:
        raise streams.empty_answer(model, streams.normal_finish(reader.finish))


async def _read(content: aiohttp.StreamReader, *, finished: bool) -> bytes:
    """The next bytes; none at the end. Once the finish is in, neither silence nor a broken end spoils
    the answer."""
    if not finished:
        return await content.readany()
    try:
        async with asyncio.timeout(streams.USAGE_GRACE):
            return await content.readany()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return b""


def _heard(
    events: EventStream, read: bytes, reader: StreamReader
) -> tuple[str | None, Exception | None]:
    """All texts of these bytes as one, and what went wrong after them: they are passed on first."""
    texts: list[str] = []
    fault: Exception | None = None
    try:
        for data in events.feed(read) if read else events.end():
            if (text := reader.read(data)) is not None:
                texts.append(text)  # noqa: PERF401 - what came before a fault is kept
    except (EventError, *_NO_EVENT) as exc:
        fault = exc
    return ("".join(texts) if texts else None), fault


async def _refusal(response: aiohttp.ClientResponse) -> httpx.HTTPStatusError:
    """The provider's own words, as the error that both lanes' table knows."""
    body = b""
    with suppress(aiohttp.ClientError, TimeoutError):
        while len(body) < ERROR_BYTES and (part := await response.content.readany()):
            body += part
    request = httpx.Request("POST", str(response.url))
    headers = {
        name: text for name, text in response.headers.items() if name.lower() not in _OF_BODY
    }
    answer = httpx.Response(response.status, headers=headers, content=body, request=request)
    return httpx.HTTPStatusError(body.decode("utf-8", "replace"), request=request, response=answer)


async def _drained(response: aiohttp.ClientResponse) -> None:
    """Read the last bytes of a body whose answer is whole, so that its connection can be used again."""
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while await response.content.readany():
                pass
