"""Sending an answer over the socket: in its pace, and broken where a fault says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

import orjson
from aiohttp import web

from assistant_site.simulator.call import Call, pause
from assistant_site.simulator.chat import Frame, Provider
from assistant_site.simulator.errors import Rejection, scripted
from assistant_site.simulator.framing import chunks, encode

FOREVER_MS = 3_600_000.0


class StreamWire(Protocol):
    """What a stream needs of a provider's wire format; the two modules are it."""

    @property
    def provider(self) -> Provider:
        """Whose format it is."""
        ...

    @property
    def opens_early(self) -> bool:
        """Whether the opening events go out before the first token is there."""
        ...

    def error_frame(self, rejection: Rejection) -> Frame:
        """An error in the middle of a stream."""
        ...

    def ping(self) -> bytes:
        """A keep-alive."""
        ...


class _StreamOver(Exception):
    """The fault has ended the stream."""


class Stream:
    """One streamed answer."""

    def __init__(self, call: Call, wire: StreamWire) -> None:
        self._call = call
        self._wire = wire
        self._fault = call.fault
        self._pace = call.pace
        self._response = web.StreamResponse()
        self._sent = 0
        self._malformed = False

    async def send(self, frames: Iterator[Frame]) -> web.StreamResponse:
        """Send all of ``frames``, unless the fault has other plans. Each token has its delay."""
        self._response.headers.update(self._call.headers)
        self._response.headers["Content-Type"] = "text/event-stream; charset=utf-8"
        self._response.headers["Cache-Control"] = "no-cache"
        await self._response.prepare(self._call.request)
        self._call.note(status=200)
        try:
            await self._send_all(frames)
        except _StreamOver:
            return self._response
        finally:
            self._call.note(tokens=self._sent)
        self._call.note(outcome="complete")
        await self._response.write_eof()
        return self._response

    async def _send_all(self, frames: Iterator[Frame]) -> None:
        if not self._wire.opens_early:
            await pause(self._pace.first_token_delay_ms)
        for frame in frames:
            if frame.kind != "open":
                await self._misbehave()
            if frame.kind == "token":
                await self._wait_for_token()
            data = encode(frame, self._fault)
            if frame.kind == "token" and self._fault.bad_utf8_after == self._sent:
                data = _with_a_wrong_byte(data)
            await self._write(data)
            self._sent += frame.kind == "token"

    async def _wait_for_token(self) -> None:
        if self._sent:
            await pause(self._pace.token_delay_ms)
        elif self._wire.opens_early:
            await pause(self._pace.first_token_delay_ms)

    async def _misbehave(self) -> None:
        """Do what the fault scripted for this position."""
        fault = self._fault
        if fault.malformed_after == self._sent and not self._malformed:
            self._malformed = True
            await self._write(b'data: {"id": "chatcmpl-broken", "choices": [{"delta"\n\n')
        if fault.stall_after == self._sent:
            await self._stall()
        if fault.error_after == self._sent:
            await self._fail()
        if fault.cut_after == self._sent:
            await self._cut()

    async def _stall(self) -> None:
        left = FOREVER_MS if self._fault.stall_ms is None else self._fault.stall_ms
        step = self._fault.ping_ms or left
        while left > 0:
            await pause(min(step, left))
            left -= step
            if self._fault.ping_ms:
                await self._write(self._wire.ping())

    async def _fail(self) -> None:
        error = self._wire.error_frame(scripted(self._wire.provider, self._fault))
        await self._write(encode(error, self._fault))
        self._call.note(outcome="error_event")
        await self._response.write_eof()
        raise _StreamOver

    async def _cut(self) -> None:
        self._call.note(outcome=f"cut_{self._fault.cut}")
        if self._fault.cut == "close":
            await self._response.write_eof()
        else:
            await self._call.abort(reset=self._fault.cut == "reset")
        raise _StreamOver

    async def _write(self, data: bytes) -> None:
        parts = chunks(data, self._fault)
        for part in parts:
            await self._response.write(part)
            if len(parts) > 1:
                # Let the loop flush, so that the client really reads the pieces one by one.
                await asyncio.sleep(0)


def _with_a_wrong_byte(frame: bytes) -> bytes:
    """A token's frame with 0xFF, which no UTF-8 text contains, at the start of its text."""
    for field in (b'"content":"', b'"text":"'):
        if field in frame:
            return frame.replace(field, field + b"\xff", 1)
    return frame


async def send_json(call: Call, body: object) -> web.StreamResponse:
    """A whole JSON answer, cut or garbled in the middle where the fault says so."""
    data = orjson.dumps(body)
    if call.fault.malformed_after is not None:
        data = data[: len(data) // 2]
    response = web.Response(headers=call.headers, content_type="application/json")
    if call.fault.cut_after is None:
        response.body = data
        return response
    broken = web.StreamResponse(headers={**call.headers, "Content-Type": "application/json"})
    broken.content_length = len(data)
    await broken.prepare(call.request)
    await broken.write(data[: len(data) // 2])
    call.note(status=200, outcome="cut_abort")
    await call.abort()
    return broken
