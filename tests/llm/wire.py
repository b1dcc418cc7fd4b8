"""A provider in a few lines, for what the simulator does not say: odd frames, word for word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

Frames = Sequence[str | float]
"""Bytes to write; a number is a pause in seconds, ``inf`` until the client leaves."""


class Wire:
    """Answers every request as ``reply`` says, keeps bodies and headers, and notices who leaves."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[Any] = []
        self.headers: list[Mapping[str, str]] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.reply: Callable[[web.Request], Awaitable[web.StreamResponse]] = self._nothing

    def say(self, *frames: str | float) -> None:
        """Stream ``frames`` to whoever asks."""

        async def reply(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for frame in frames:
                if isinstance(frame, str):
                    await response.write(frame.encode())
                else:
                    await asyncio.sleep(min(frame, 3600))
            return response

        self.reply = reply

    def answer(self, body: Any, status: int = 200) -> None:
        """Answer with JSON."""

        async def reply(request: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status)

        self.reply = reply

    def reset(self) -> None:
        """Take the request, then reset the connection."""

        async def reply(request: web.Request) -> web.StreamResponse:
            transport = request.transport
            assert transport is not None
            at_once = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, at_once
            )
            transport.abort()
            return web.Response()

        self.reply = reply

    async def handle(self, request: web.Request) -> web.StreamResponse:
        with contextlib.suppress(ValueError):
            self.bodies.append(await request.json())
            self.headers.append(request.headers)
        self.asked.set()
        try:
            return await self.reply(request)
        except (asyncio.CancelledError, ConnectionResetError):
            self.left.set()
            raise

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return web.Response()


@contextlib.asynccontextmanager
async def wire_server() -> AsyncIterator[Wire]:
    """A ``Wire`` on a free port of the loopback."""
    wire = Wire()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wire.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        wire.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield wire
    finally:
        await runner.cleanup()


def openai_frames(*texts: str, finish: str | None = "stop", **delta: Any) -> list[str]:
    """OpenAI's chunks for ``texts``; ``delta`` is sent before the finish."""
    deltas: list[dict[str, Any]] = [{"content": text} for text in texts] + (
        [delta] if delta else []
    )
    frames = [openai_chunk({"choices": [{"index": 0, "delta": each}]}) for each in deltas]
    if finish:
        frames.append(
            openai_chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        )
    return frames


def openai_usage(asked: int, given: int) -> str:
    """The chunk that tells the usage."""
    told = {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}
    return openai_chunk({"choices": [], "usage": told})


def openai_chunk(body: dict[str, Any]) -> str:
    common = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**common, **body})}\n\n"


def anthropic_frames(*texts: str, finish: str | None = "end_turn") -> list[str]:
    """Anthropic's events for ``texts``."""
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": 9, "output_tokens": 1}
    frames = [
        event("message_start", message={**message, "usage": usage}),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    ]
    for text in texts:
        delta = {"type": "text_delta", "text": text}
        frames.append(event("content_block_delta", index=0, delta=delta))
    if finish:
        told = {"output_tokens": 5}
        frames += [
            event("content_block_stop", index=0),
            event("message_delta", delta={"stop_reason": finish}, usage=told),
            event("message_stop"),
        ]
    return frames


def event(kind: str, **data: Any) -> str:
    """One of Anthropic's events."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"


PING = event("ping")
