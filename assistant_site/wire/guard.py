"""Connection guard: a mixin for a server's protocol class, with limits for heads, time-outs and a
lingering close.

The class that it is mixed into parses HTTP; the guard hands it only what ``RequestFraming`` has let
through, and answers requests that never reach it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, cast

import orjson

from assistant_site.wire.framing import MALFORMED, FramingRefused, Part, Refusal, RequestFraming
from assistant_site.wire.limits import BODY_LATE, HEAD_LATE, RequestTimeouts
from conversations.domain.problems import problem

LINGER_SECONDS = 2.0
"""A refused client may be sending still. Closed at once, its system would drop the answer unread."""

TICKS = 3
"""Checks of a body within ``body_seconds``; it is late when all of them found it too slow."""


class LingeringTransport:
    """Proxy of a transport with a lingering close (as nginx's): where the client is still sending,
    ``close`` ends our side, and the connection when the client does or ``LINGER_SECONDS`` are over."""

    def __init__(self, transport: asyncio.Transport, is_unread: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_unread = is_unread
        self._lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """True once ``close`` was called."""
        return self._lingering or self._transport.is_closing()

    def close(self) -> None:
        """Close now, or linger. A second call closes."""
        if self.is_closing() or not self._is_unread() or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)


class ConnectionGuard(asyncio.Protocol):
    """Mixin before a protocol class. The methods from ``timeouts`` on tell it of that class."""

    transport: Any
    _timer: asyncio.TimerHandle | None = None
    _watched: tuple[int, Part] = (0, Part.IDLE)
    refusal: Refusal | None = None

    def timeouts(self) -> RequestTimeouts:
        """The time-outs of this connection."""
        return RequestTimeouts()

    def is_answering(self) -> bool:
        """True if a request that was handed over has no complete response yet."""
        raise NotImplementedError

    def awaits_body(self) -> bool:
        """True if the application got a request and not all of its body."""
        return self._framing.in_body

    def may_answer_body(self) -> bool:
        """True if the next response that the client expects is that of the body being read."""
        return False

    def is_waiting_for_us(self) -> bool:
        """True while the client can't send because the server does not read."""
        return False

    def leave(self) -> None:
        """The application shall not answer the present request."""

    def wait_for_responses(self) -> None:
        """A request is refused behind one that is being answered."""
        self.transport.abort()

    def head_begun(self) -> None:
        """The first byte of a request is there."""

    def count_refusal(self, refusal: Refusal) -> None:
        """Called once for each connection that is refused."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected: its first head is waited for."""
        self._framing = RequestFraming()
        # A stream server's transport, though uvloop's class does not say so.
        stream = cast("asyncio.Transport", transport)
        super().connection_made(LingeringTransport(stream, self._is_unread))  # type: ignore[arg-type]
        self._wait(self.timeouts().head_seconds, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came: those within the limits go on to the parser."""
        if self._is_over():
            return
        try:
            for piece in self._framing.read(data):
                super().data_received(piece)
                if self._is_over():
                    return
        except FramingRefused as refused:
            self.refuse(refused.refusal)
            return
        if not data:  # a server that parses what it has held back
            super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's hook for requests that its parser does not take."""
        self.refuse(MALFORMED)

    def refuse(self, refusal: Refusal) -> None:
        """Answer, and close. Where another response is being sent, the answer has to wait for it, or
        there is none."""
        if self.refusal:
            return
        self.refusal = refusal
        self._stop_waiting()
        self.count_refusal(refusal)
        if not self.awaits_body():
            (self.wait_for_responses if self.is_answering() else self.send_refusal)()
        elif self.may_answer_body():
            self.leave()
            self.send_refusal()
        else:
            self.transport.abort()

    def send_refusal(self) -> None:
        """Write the answer to a refused request, and close."""
        assert self.refusal is not None  # noqa: S101 - ``refuse`` has set it
        self.transport.write(problem_bytes(self.refusal))
        self.transport.close()

    def _is_over(self) -> bool:
        return bool(self.refusal or self.transport is None or self.transport.is_closing())

    def _is_unread(self) -> bool:
        return self.refusal is not None or self._framing.in_body

    def _watch(self) -> None:
        """Start the clock of the part of the request that is waited for now."""
        state = self._framing.requests, self._framing.part
        if state in (self._watched, (0, Part.IDLE)):
            return
        was_body, self._watched = self._is_body(self._watched), state
        if self._framing.part is Part.IDLE:
            self._stop_waiting()
        elif self._framing.part is Part.HEAD:
            self.head_begun()
            self._wait(self.timeouts().head_seconds, self._head_late)
        elif not was_body:
            self._watch_body()

    def _is_body(self, state: tuple[int, Part]) -> bool:
        return state[0] == self._framing.requests and state[1] not in {Part.IDLE, Part.HEAD}

    def _watch_body(self) -> None:
        self._seen = self._slow = 0
        self._wait(self.timeouts().body_seconds / TICKS, self._check_body)

    def _check_body(self) -> None:
        limits, got = self.timeouts(), self._framing.body_bytes - self._seen
        tick = limits.body_seconds / TICKS
        is_slow = got < limits.body_rate * tick and not self.is_waiting_for_us()
        self._seen, self._slow = self._framing.body_bytes, self._slow + 1 if is_slow else 0
        if self._slow >= TICKS:
            self.refuse(BODY_LATE)
        else:
            self._wait(tick, self._check_body)

    def _head_late(self) -> None:
        if self.is_answering():  # the clock starts again with the end of the response
            self._wait(self.timeouts().head_seconds, self._head_late)
        elif self._framing.part is Part.IDLE:  # not a word: a browser that connects in advance
            self.count_refusal(HEAD_LATE)
            self.transport.close()
        else:
            self.refuse(HEAD_LATE)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def problem_bytes(refusal: Refusal) -> bytes:
    """A whole HTTP response that closes the connection, with a problem object (RFC 9457)."""
    request_id = secrets.token_hex(16)
    told = problem(refusal.status, refusal.code, refusal.detail, request_id=request_id)
    body = orjson.dumps(told)
    head = (
        f"HTTP/1.1 {refusal.status} {told['title']}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n"
        f"{'retry-after: 5' if refusal.status in {429, 503} else 'cache-control: no-store'}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
