"""Direct streaming client: sends a provider's request on our own sockets and decodes the reply's events.

``client`` calls ``HTTPStreamClient``; ``SSEDecoder`` cuts the bytes into events; the provider's
``StreamReader`` finds the text. Through LiteLLM's own stream a token costs about a millisecond of CPU,
because it becomes several objects. Here tokens that arrive together leave together, as one text.
"""

from __future__ import annotations

import asyncio
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

from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import RawChunk
from routing.llm.providers import base
from routing.llm.providers.base import (
    MALFORMED,
    EventError,
    ProviderRequest,
    StreamReader,
    WholeAnswer,
    empty_answer,
)

ERROR_BYTES = 64 * 1024
"""Bytes that are read of an error reply."""
DRAIN_SECONDS = 0.05
"""Wait for the end of a finished body, so that its connection can be used again."""
LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of one event; a longer one breaks the stream."""

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
    ) -> AsyncGenerator[RawChunk | StreamReader, None]:
        """The texts as they arrive, and last the reader, which holds the finish and the usage.

        Raises ``httpx.HTTPStatusError`` with the provider's message for any status but 200,
        ``EventError`` for an error inside the stream, ``ProviderStreamBroken`` and ``ProviderRefused``
        for an incomplete answer, and aiohttp's errors. Closing the generator closes the connection.
        """
        async with self._response(request) as response:
            reader = request.provider.stream()
            async with aclosing(_texts(response.content, reader, model)) as texts:
                async for text in texts:
                    yield RawChunk(text)
            # The caller gets the end of the answer first; the connection's last bytes can wait.
            yield reader
            await _drain(response)

    async def whole(self, request: ProviderRequest, model: str) -> WholeAnswer:
        """An answer that was not requested as a stream. Raises as ``stream`` does."""
        async with self._response(request) as response:
            body = await response.read()
        try:
            answer = request.provider.whole(_json_object(body))
            return WholeAnswer(_checked_text(answer.text) or "", answer.finish, answer.usage)
        except MALFORMED as exc:
            raise ProviderStreamBroken(model, type(exc).__name__) from exc

    @asynccontextmanager
    async def _response(self, request: ProviderRequest) -> AsyncIterator[aiohttp.ClientResponse]:
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


async def _texts(
    content: aiohttp.StreamReader, reader: StreamReader, model: str
) -> AsyncGenerator[str, None]:
    """One text per read; ``""`` for thoughts. Ends with the answer."""
    decoder, has_text = SSEDecoder(), False
    while not reader.done:
        data = await _read(content, finished=reader.finish is not None)
        text, error = _decode(decoder, data, reader)
        # Text that came before an error in the same bytes is passed on first.
        if text is not None:
            has_text = has_text or bool(text)
            yield text
        if isinstance(error, EventError):
            raise error
        if error:
            raise ProviderStreamBroken(model, type(error).__name__) from error
        if not data:
            break
    if reader.finish is None:
        raise ProviderStreamBroken(model, "the stream ended without a finish")
    if not has_text:
        raise empty_answer(model, reader.finish)


async def _read(content: aiohttp.StreamReader, *, finished: bool) -> bytes:
    """The next bytes; none at the end. After the finish reason neither silence nor a broken end spoils
    the answer."""
    if not finished:
        return await content.readany()
    try:
        async with asyncio.timeout(base.USAGE_GRACE):
            return await content.readany()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return b""


def _decode(
    decoder: SSEDecoder, data: bytes, reader: StreamReader
) -> tuple[str | None, Exception | None]:
    """The texts of these bytes as one, and the error that follows them; no bytes end the stream."""
    texts: list[str] = []
    error: Exception | None = None
    try:
        for event in decoder.feed(data) if data else decoder.end():
            if event == reader.end_marker:
                reader.done = True
            elif (text := _checked_text(reader.read(_json_object(event)))) is not None:
                texts.append(text)
    except (EventError, *MALFORMED) as exc:
        error = exc
    return ("".join(texts) if texts else None), error


def _json_object(data: bytes) -> dict[str, Any]:
    """Raises ``ValueError`` for anything but a JSON object. Bytes that are no UTF-8 are replaced: one
    wrong byte is no reason to lose an answer."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = orjson.loads(data.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        raise ValueError("an event that is no object")  # noqa: TRY004 - a fault of the data, not of a type
    return value


def _checked_text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("a text that is no string")
    return value


class EventTooLong(ValueError):
    """An event has more bytes than any answer needs."""


class SSEDecoder:
    """Cuts bytes into server-sent events, wherever the network cut the bytes.

    By the WHATWG HTML standard, "Interpreting an event stream". Only ``data`` is kept: the providers
    repeat the type of the event inside it.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that is complete now. Raises ``EventTooLong``."""
        text = self._rest + data if self._rest else data
        tail = b""
        if b"\r" in text:
            # Lines end in CRLF, CR or LF; a CR at the very end may be half of a CRLF and waits.
            tail = b"\r" if text.endswith(b"\r") else b""
            text = text[: len(text) - len(tail)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *events, rest = text.split(b"\n\n")
        self._rest = rest + tail
        if len(self._rest) > LONGEST_EVENT:
            raise EventTooLong(f"an event of more than {LONGEST_EVENT} bytes")
        return [lines for event in events if (lines := _event_data(event)) is not None]

    def end(self) -> list[bytes]:
        """The data of a last event without an empty line behind it."""
        rest, self._rest = self._rest.strip(b"\r\n"), b""
        data = _event_data(rest)
        return [] if data is None else [data]


def _event_data(event: bytes) -> bytes | None:
    """The ``data`` lines, joined; ``None`` for comments and events without any."""
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    lines = [line[5:] for line in event.split(b"\n") if line.startswith(b"data:")]
    if not lines:
        return None
    return b"\n".join(line[1:] if line.startswith(b" ") else line for line in lines)


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
