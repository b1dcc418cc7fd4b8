"""Server protocols: uvicorn's, with the limits of ``ConnectionGuard``, of open connections and of
clients that stop reading. uvicorn itself has none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog
from django.conf import settings
from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol

from assistant_site.http.refusals import CONNECTIONS, REFUSED
from assistant_site.wire.framing import Part, Refusal
from assistant_site.wire.guard import ConnectionGuard
from assistant_site.wire.limits import ADDRESS_FULL, OpenConnections, RequestTimeouts

OPEN = OpenConnections()
"""Of this process."""
CONNECTIONS.set_function(lambda: OPEN.total)
_told: set[str] = set()
MOST_TOLD = 100
"""Addresses that a warning names, in a process's life: a flood must not fill the log."""

_log = structlog.get_logger("assistant.connections")


class WriteTimeout(asyncio.Protocol):
    """Mixin: aborts the connection if the client reads nothing for STALLED_CLIENT_SECONDS."""

    transport: Any
    _write_timeout: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        super().pause_writing()
        seconds = settings.STALLED_CLIENT_SECONDS
        loop = asyncio.get_running_loop()
        self._write_timeout = loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._cancel_write_timeout()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._cancel_write_timeout()
        super().connection_lost(exc)

    def _cancel_write_timeout(self) -> None:
        if self._write_timeout:
            self._write_timeout.cancel()
            self._write_timeout = None


class SiteGuard(WriteTimeout, ConnectionGuard):
    """Mixin for both of uvicorn's protocols: the guard by the settings, and the limits of connections."""

    cycle: Any
    client: tuple[str, int] | None
    flow: Any
    _responses = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and refuse one too many."""
        super().connection_made(transport)
        # A trusted proxy speaks for many people: it is no address of one.
        address = self.client[0] if self.client else ""
        self._counted = OPEN.add(
            "" if address in _trusted(tuple(settings.FORWARDED_ALLOW_IPS)) else address
        )
        excess = OPEN.excess(
            self._counted,
            most=settings.CONNECTIONS_PER_WORKER,
            most_of_address=settings.CONNECTIONS_PER_ADDRESS,
        )
        if excess:
            self._turn_away(excess, address)

    def _turn_away(self, excess: Refusal, address: str) -> None:
        self.refuse(excess)
        self.transport.close()  # without lingering: that would keep the place taken
        if excess is ADDRESS_FULL and address not in _told and len(_told) < MOST_TOLD:
            _told.add(address)
            _log.warning(
                "an address has too many connections; if it is a proxy, name it in FORWARDED_ALLOW_IPS",
                address=address,
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        OPEN.remove(self._counted)
        super().connection_lost(exc)

    def timeouts(self) -> RequestTimeouts:
        """By the settings."""
        return RequestTimeouts(
            settings.REQUEST_HEAD_SECONDS,
            settings.REQUEST_BODY_SECONDS,
            settings.REQUEST_BODY_BYTES_PER_SECOND,
        )

    def on_response_complete(self) -> None:
        """A response is complete; a refusal that came meanwhile is told behind it."""
        self._responses += 1
        super().on_response_complete()  # type: ignore[misc]  # uvicorn's
        if self.refusal and not self.is_answering() and not self.transport.is_closing():
            self.send_refusal()
        elif self._framing.part is Part.HEAD:  # the next request began meanwhile
            self.head_begun()

    def is_answering(self) -> bool:
        """True while uvicorn's present request has no complete response."""
        return bool(self.cycle and not self.cycle.response_complete)

    def awaits_body(self) -> bool:
        """True while uvicorn waits for more of the body, too."""
        return super().awaits_body() or (self.is_answering() and self.cycle.more_body)

    def may_answer_body(self) -> bool:
        """True if all requests before it are answered, and this one's response has not begun."""
        is_next = self._framing.requests - self._responses == 1
        return is_next and not (self.is_answering() and self.cycle.response_started)

    def wait_for_responses(self) -> None:
        """``on_response_complete`` will tell."""

    def is_waiting_for_us(self) -> bool:
        """True while the application does not read, or has not asked for the body yet."""
        return bool(self.flow.read_paused or (self.cycle and self.cycle.waiting_for_100_continue))

    def leave(self) -> None:
        """Tell the application that its client has left."""
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def head_begun(self) -> None:
        """An idle connection is none any more."""
        self._unset_keepalive_if_required()  # type: ignore[attr-defined]

    def count_refusal(self, refusal: Refusal) -> None:
        """Count it in the metrics."""
        REFUSED.labels(refusal.reason).inc()


class SiteProtocol(SiteGuard, AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """The faster one of uvicorn's protocols: httptools where it is installed."""


class SiteH11Protocol(SiteGuard, H11Protocol):
    """uvicorn's protocol in pure Python."""


PROTOCOLS: Mapping[str, Any] = {"auto": SiteProtocol, "h11": SiteH11Protocol}
"""What ``--http`` chooses from."""


@lru_cache(maxsize=1)
def _trusted(hosts: tuple[str, ...]) -> _TrustedHosts:
    return _TrustedHosts(list(hosts))
