"""Response filter: what LiteLLM reads of a provider's reply, without odd usages.

LiteLLM validates a usage while it reads the text beside it, and loses both to one odd number.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextvars import ContextVar

import httpx

from routing.llm.providers.picture_stream import PictureStream
from routing.llm.providers.usage import clean_usages

picture_stream: ContextVar[PictureStream | None] = ContextVar("picture_stream", default=None)
"""Takes the picture out of the replies to the calls of this context."""


async def filter_usages(response: httpx.Response) -> None:
    """An httpx hook: the reply's usages hold counts alone, and its picture is taken out."""
    media_type = response.headers.get("content-type", "")
    by_line = "event-stream" in media_type
    if response.status_code == 200 and (by_line or "json" in media_type):
        # The bytes are decompressed here, so that httpx must not do it again.
        raw = httpx.Response(200, headers=response.headers, stream=response.stream)
        for name in ("content-encoding", "content-length"):
            response.headers.pop(name, None)
        response.stream = _CleanStream(raw, picture_stream.get(), by_line=by_line)


class _CleanStream(httpx.AsyncByteStream):
    """The bytes of ``raw``, whole lines at a time or all at once."""

    def __init__(
        self, raw: httpx.Response, picture: PictureStream | None, *, by_line: bool
    ) -> None:
        self._raw, self._picture, self._by_line = raw, picture, by_line

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts: list[bytes] = []
        async for read in self._raw.aiter_bytes():
            part = self._picture.feed(read) if self._picture else read
            if self._picture and self._picture.fault:
                return
            end = max(part.rfind(b"\n"), part.rfind(b"\r")) + 1 if self._by_line else 0
            if end:
                yield clean_usages(b"".join((*parts, part[:end])))
                parts = [part[end:]]
            else:
                parts.append(part)
        parts += [self._picture.end()] if self._picture else []
        yield clean_usages(b"".join(parts))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._raw.aclose()
