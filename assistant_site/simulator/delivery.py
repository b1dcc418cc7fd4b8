"""Delivery: one chat answer as server-sent events or JSON, paced, and broken where a fault says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol

import orjson
from aiohttp import web

from assistant_site.simulator.answers import compose_reply
from assistant_site.simulator.call import SimulatedCall, pause
from assistant_site.simulator.chat import ChatReply, ChatRequest, EventFrame, Provider
from assistant_site.simulator.errors import Rejection, scripted
from assistant_site.simulator.faults import SimulatedFault


def encode(frame: EventFrame, fault: SimulatedFault) -> bytes:
    """One event as bytes. A string is written as it is, anything else as JSON."""
    raw = isinstance(frame.data, str)
    data = frame.data if raw else orjson.dumps(frame.data).decode()
    lines = [": simulator comment"] if fault.comments else []
    if frame.event:
        lines.append(f"event: {frame.event}")
    lines += [f"data: {part}" for part in (_split(data) if fault.multiline and not raw else [data])]
    end = "\r\n" if fault.crlf else "\n"
    return (end.join(lines) + end + end).encode()


def chunks(data: bytes, fault: SimulatedFault) -> list[bytes]:
    """``data`` in the pieces it is written to the socket in."""
    if fault.chunk_bytes:
        size = fault.chunk_bytes
        return [data[start : start + size] for start in range(0, len(data), size)]
    if fault.split_utf8:
        return _mid_character(data)
    return [data]


def _split(data: str) -> list[str]:
    # JSON may break its lines beside the braces of an object, never within a string.
    return [data[:1], data[1:-1], data[-1:]]


def _mid_character(data: bytes) -> list[bytes]:
    """Cut within every character of more than one byte."""
    cuts = [index for index in range(1, len(data)) if data[index] & 0xC0 == 0x80]
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


FOREVER_MS = 3_600_000.0


class WireFormat(Protocol):
    """A provider's chat format; its module implements it."""

    @property
    def provider(self) -> Provider:
        """The provider's name."""
        ...

    @property
    def opens_early(self) -> bool:
        """Whether the opening events go out before the first token is there."""
        ...

    def whole(self, ask: ChatRequest, reply: ChatReply) -> dict[str, Any]:
        """The answer in one piece."""
        ...

    def frames(
        self, ask: ChatRequest, reply: ChatReply, *, no_usage: bool = False, no_done: bool = False
    ) -> Iterator[EventFrame]:
        """The answer as a stream."""
        ...

    def error_frame(self, rejection: Rejection) -> EventFrame:
        """An error in the middle of a stream."""
        ...

    def ping(self) -> bytes:
        """A keep-alive."""
        ...


class _StreamOver(Exception):
    """The fault has ended the stream."""


class AnswerStream:
    """One streamed answer."""

    def __init__(self, call: SimulatedCall, wire: WireFormat) -> None:
        self._call = call
        self._wire = wire
        self._fault = call.fault
        self._pace = call.pace
        self._response = web.StreamResponse()
        self._sent = 0
        self._malformed = False

    async def send(self, frames: Iterator[EventFrame]) -> web.StreamResponse:
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

    async def _send_all(self, frames: Iterator[EventFrame]) -> None:
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
        """Carry out the fault's actions of this position."""
        fault = self._fault
        # Once: the closing events come at the position of the last token too.
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


async def send_json(call: SimulatedCall, body: object) -> web.StreamResponse:
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


async def serve_chat(call: SimulatedCall, wire: WireFormat, ask: ChatRequest) -> web.StreamResponse:
    """Answer ``ask`` in the shape it wants, with the request's fault."""
    fault = call.fault
    reply = compose_reply(ask, fault, obey=call.state.obey or fault.obey)
    if ask.stream:
        frames = wire.frames(ask, reply, no_usage=fault.no_usage, no_done=fault.no_done)
        return await AnswerStream(call, wire).send(frames)
    await pause(call.pace.first_token_delay_ms)
    if fault.stall_after is not None:
        await pause(FOREVER_MS if fault.stall_ms is None else fault.stall_ms)
    if fault.error_after is not None:
        raise scripted(wire.provider, fault)
    body = wire.whole(ask, reply)
    if fault.no_usage:
        del body["usage"]
    return await send_json(call, body)
