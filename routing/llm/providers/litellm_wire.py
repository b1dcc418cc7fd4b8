"""Filters of the bytes that LiteLLM reads: its own readers stumble over odd but lawful frames.

``EventFilter`` stands between a connection of ours and LiteLLM: it passes on the events that
``AnswerReader`` could read, in their plain form, and keeps the reader's judgement of the reply.
``split_lines`` mends the lines of all other connections (findings/litellm-line-separators.sh).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from routing.llm.providers.answer_reader import AnswerReader
from routing.llm.providers.base import AnswerPiece, joined
from routing.llm.providers.registry import PROVIDERS


class EventFilter:
    """Reads one streamed reply beside LiteLLM. ``error`` is the fault that ended it."""

    def __init__(self, provider: str, model: str, *, ends_without_finish: bool) -> None:
        self.answer = AnswerReader(
            PROVIDERS[provider],
            model,
            ends_without_finish=ends_without_finish,
            keep=self._keep,
        )
        self.error: Exception | None = None
        self._pieces: list[AnswerPiece] = []
        self.attached = False
        self._events: list[bytes] = []

    def attach(self, response: httpx.Response) -> None:
        """Filter what is read of the response from now on."""
        source, self.attached = response.aiter_bytes, True

        def aiter_bytes(chunk_size: int | None = None) -> AsyncIterator[bytes]:
            return self._filtered(source())

        response.aiter_bytes = aiter_bytes  # type: ignore[method-assign]

    async def _filtered(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for data in source:
            yield self._feed(data)
            if self.error or self.answer.done:
                return
        yield self._feed(b"")

    def _feed(self, data: bytes) -> bytes:
        piece, self.error = self.answer.feed(data)
        if piece is not None:
            self._pieces.append(piece)
        events, self._events = self._events, []
        return b"".join(events)

    def take(self) -> AnswerPiece | None:
        """What was read since the last call."""
        pieces, self._pieces = self._pieces, []
        return joined(pieces) if pieces else None

    def _keep(self, event: Mapping[str, Any]) -> None:
        # In ASCII: LiteLLM would end a line at U+2028, and at U+0085.
        self._events.append(b"data: %s\n\n" % json.dumps(event).encode())


async def split_lines(response: httpx.Response) -> None:
    """An httpx hook: lines end at CR, LF and CRLF alone, as in the standard of event streams."""

    def aiter_lines() -> AsyncIterator[str]:
        return _lines(response.aiter_text())

    response.aiter_lines = aiter_lines  # type: ignore[method-assign]


async def _lines(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    rest: list[str] = []
    after_cr = False
    async for piece in texts:
        text = piece.removeprefix("\n") if after_cr else piece
        after_cr = piece.endswith("\r")
        first, *lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        rest.append(first)
        for line in lines:
            yield "".join(rest)
            rest = [line]
    if last := "".join(rest):
        yield last
