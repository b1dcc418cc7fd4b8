"""A raw client over a socket: sends bytes in parts, and tells which statuses came back."""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Iterable
from dataclasses import dataclass

WAIT_SECONDS = 60.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")


@dataclass(frozen=True, slots=True)
class Server:
    """A server on loopback, a token for it, and the address that its hostile clients come from: Linux
    has all of 127.0.0.0/8, so others have an address of their own."""

    port: int
    token: str
    source: str = "127.0.0.2"

    def connect(self) -> socket.socket:
        """A new connection."""
        address, source = ("127.0.0.1", self.port), (self.source, 0)
        client = socket.create_connection(address, WAIT_SECONDS, source_address=source)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def play(self, parts: Iterable[bytes], *, pause: float = 0) -> str:
        """Send the parts, ``pause`` seconds between them, until the server has enough; then read to the
        end. Returns ``statuses``."""
        with self.connect() as client:
            received = _send(client, parts, pause)
            return statuses(received + rest(client))


def _send(client: socket.socket, parts: Iterable[bytes], pause: float) -> bytes:
    received = b""
    try:
        for part in parts:
            client.sendall(part)
            if pause and select.select([client], [], [], pause)[0]:
                piece = client.recv(65536)
                received += piece
                if not piece:
                    break
    except OSError:  # closed while we were sending; ``rest`` reads what was told before
        pass
    return received


def rest(client: socket.socket) -> bytes:
    """All that comes until the server closes the connection, or resets it."""
    pieces: list[bytes] = []
    try:
        while piece := client.recv(65536):
            pieces.append(piece)
    except TimeoutError:
        pieces.append(b"HTTP/1.1 000")
    except OSError:  # reset
        pass
    return b"".join(pieces)


def statuses(received: bytes) -> str:
    """The statuses in their order, equal neighbours once; ``closed`` if there were none."""
    found = [status.decode() for status in _STATUS.findall(received)]
    runs = [each for at, each in enumerate(found) if not at or each != found[at - 1]]
    return ", ".join(runs).replace("000", "left open") or "closed"
