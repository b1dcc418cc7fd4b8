"""What goes wrong: at a simulated provider, and on the way to one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

AGES_MS = 60_000
"""Longer than anybody here waits."""

FAULTS: dict[str, dict[str, Any]] = {
    "cut by abort": {"cut_after": 3, "cut": "abort"},
    "cut by reset": {"cut_after": 3, "cut": "reset"},
    "cut by a clean close": {"cut_after": 3, "cut": "close"},
    "cut before a word": {"cut_after": 0, "cut": "reset"},
    "stall": {"stall_after": 3},
    "stall with pings": {"stall_after": 3, "ping_ms": 50},
    "malformed event": {"malformed_after": 3},
    "error event": {"error_after": 3},
    **{
        str(status): {"status": status}
        for status in (400, 401, 404, 408, 409, 413, 429, 500, 502, 503, 529)
    },
    "429, come back soon": {"status": 429, "retry_after": 1, "times": 1},
    "429, come back late": {"status": 429, "retry_after": 3600},
    "context too long": {"status": 400, "error": "context_length"},
    "slow first token": {"first_token_delay_ms": AGES_MS},
    "slow everything": {"headers_delay_ms": AGES_MS},
    "slow tokens": {"token_delay_ms": 400},
    "empty 200": {"empty": True},
    "a web page": {"content_type": "text/html"},
    "connection dropped": {"drop": True},
}


@contextmanager
def half_closed() -> Iterator[str]:
    """An address that begins an answer, says no more, and never hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []
        thread = threading.Thread(target=_serve, args=(server, kept), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in kept:
            connection.close()


def _serve(server: socket.socket, kept: list[socket.socket]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        kept.append(connection)
        with suppress(OSError):
            connection.settimeout(5)
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)


@contextmanager
def bad_address(kind: str, simulator_url: str) -> Iterator[str]:
    """A base URL, without ``/v1``, behind which no provider is found."""
    match kind:
        case "connection refused":
            with socket.socket() as unheard:
                unheard.bind(("127.0.0.1", 0))
                yield f"http://127.0.0.1:{unheard.getsockname()[1]}"
        case "DNS failure":
            yield "http://no-such-host.invalid"
        case "TLS error":
            yield simulator_url.replace("http://", "https://").removesuffix("/v1")
        case "half-closed socket":
            with half_closed() as url:
                yield url
        case _:
            raise ValueError(kind)


ADDRESSES = ("connection refused", "DNS failure", "TLS error", "half-closed socket")
