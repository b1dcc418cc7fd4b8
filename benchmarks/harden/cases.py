"""Hostile requests: the bytes that are sent, and the answer that there must be."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.harden.client import Server, rest, statuses

ADDRESS_CONNECTIONS = 200
"""CONNECTIONS_PER_ADDRESS of the server that is tried."""

STALLED_SECONDS = 10
"""Its STALLED_CLIENT_SECONDS. The other time-outs are the default ones."""

AT_ONCE = 100
"""Clients that do the same at the same time."""

Act = Callable[[Server], str]


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile request. ``is_slow``: it waits for a time-out of the server."""

    group: str
    name: str
    sent: str
    expected: str
    act: Act
    is_slow: bool = False


def _sends(*parts: bytes, pause: float = 0) -> Act:
    return lambda server: server.play(parts, pause=pause)


def _signed(head: bytes, body: bytes = b"") -> Act:
    def act(server: Server) -> str:
        token = f"Authorization: Bearer {server.token}\r\n\r\n".encode()
        return server.play([head + token, body])

    return act


def _together(data: bytes) -> Act:
    """Many clients with the same bytes; their answers, equal ones once."""

    def act(server: Server) -> str:
        with ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(AT_ONCE)]
            for client in clients:
                client.sendall(data)
            return " or ".join(sorted({statuses(rest(client)) for client in clients}))

    return act


def _deaf(server: Server) -> str:
    """A client that asks for much, and reads nothing for longer than the server waits."""
    with server.connect() as client:
        client.sendall(ASSET * ASKED)
        time.sleep(STALLED_SECONDS + 5)
        received = rest(client)
    is_cut = received.count(b"HTTP/1.1 200") < ASKED and b"HTTP/1.1 000" not in received
    return "cut off" if is_cut else statuses(received)


def _crowd(server: Server) -> str:
    """More connections than one address may have: what those beyond it get."""
    with ExitStack() as stack:
        for _ in range(ADDRESS_CONNECTIONS):
            stack.enter_context(server.connect())
        beyond = [stack.enter_context(server.connect()) for _ in range(AT_ONCE)]
        return " or ".join(sorted({statuses(rest(client)) for client in beyond}))


ASKED = 3_000
"""Requests of the client that does not read: their answers are 26 MB."""

HOST = b"Host: localhost\r\n"
LONG, BIG = b"a" * 70_000, 3_000_000
GET = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
GET_START = b"GET /healthz HTTP/1.1\r\n" + HOST
ASK = b"POST /api/v1/messages/ HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
POST = b"POST /nowhere HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BIG_LENGTH = b"Content-Length: %d\r\n" % BIG
MANY = b"X: a\r\n" * 101 + b"\r\n"
ASSET = b"GET /static/playground/app.js HTTP/1.1\r\n" + HOST + b"\r\n"
IN_PARTS = [LONG[at : at + 500] for at in range(0, len(LONG), 500)]

CASES = (
    Case("heads", "request line", "70 KB", "431", _sends(b"GET /" + LONG + b" HTTP/1.1\r\n\r\n")),
    Case("heads", "one header", "70 KB", "431", _sends(GET_START, b"X: " + LONG + b"\r\n\r\n")),
    Case("heads", "a header without an end", "70 KB in 140 parts", "431", _sends(GET_START + b"X: ", *IN_PARTS)),
    Case("heads", "number of headers", "102", "431", _sends(GET_START + MANY)),
    Case("heads", "of a later request", "102 headers after a GET", "200, 431", _sends(GET, GET_START + MANY, pause=0.2)),
    Case("heads", "pipelined", "102 headers behind 20 GETs, at once", "200, 431", _sends(GET * 20 + GET_START + MANY)),
    Case("heads", "trailers", "70 KB behind a chunked body", "431", _sends(POST + CHUNKED + b"\r\n0\r\nX: ", LONG)),
    Case("heads", "chunk extension", "70 KB", "431", _sends(POST + CHUNKED + b"\r\n5;", LONG)),
    Case("bodies", "announced", "3 MB, Expect: 100-continue", "413", _signed(ASK + BIG_LENGTH + b"Expect: 100-continue\r\n")),
    Case("bodies", "announced and sent", "3 MB", "413", _signed(ASK + BIG_LENGTH, b"a" * BIG)),
    Case("bodies", "chunked", "3 MB", "413", _signed(ASK + CHUNKED, b"%x\r\n" % BIG + b"a" * BIG)),
    Case("bodies", "on a path that is not there", "3 MB", "413", _sends(POST + BIG_LENGTH + b"\r\n", b"a" * BIG)),
    Case("bodies", "a length of 30 digits", "the head", "413", _sends(POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n")),
    Case("bodies", "of a stranger", "2 MB without a token", "401", _sends(ASK + b"Content-Length: 2000000\r\n\r\n", b"a" * 2_000_000)),
    Case("bodies", "one byte a chunk", "20,000 chunks", "400", _sends(POST + CHUNKED + b"\r\n", b"1\r\na\r\n" * 20_000)),
    Case("framing", "length and chunks", "Content-Length and Transfer-Encoding", "400", _sends(POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n")),
    Case("framing", "two lengths", "5 and 6", "400", _sends(POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")),
    Case("framing", "a negative length", "-5", "400", _sends(POST + b"Content-Length: -5\r\n\r\nhello")),
    Case("framing", "a chunk size that is no number", "0x5", "400", _sends(POST + CHUNKED + b"\r\n0x5\r\nhello\r\n")),
    Case("framing", "a chunk longer than its size", "6 bytes for 5", "400", _sends(POST + CHUNKED + b"\r\n5\r\nhello!\r\n")),
    Case("framing", "a folded header", "one", "400", _sends(POST + b" folded: a\r\n\r\n")),
    Case("framing", "no HTTP", "a line of text", "400", _sends(b"hello\r\n\r\n")),
    Case("half", "no request", f"nothing, {AT_ONCE} clients", "closed", _together(b""), is_slow=True),
    Case("half", "half a head", f"{AT_ONCE} clients", "408", _together(GET_START), is_slow=True),
    Case("half", "half a second head", "after a GET", "200, 408", _sends(GET + GET_START), is_slow=True),
    Case("half", "a head byte by byte", "one a second", "408", _sends(GET_START + b"X: ", *[b"a"] * 40, pause=1.0), is_slow=True),
    Case("half", "half a body", "2 of 5 bytes", "408", _sends(POST + b"Content-Length: 5\r\n\r\nhe"), is_slow=True),
    Case("half", "half a chunk", "2 of 5 bytes", "408", _sends(POST + CHUNKED + b"\r\n5\r\nhe"), is_slow=True),
    Case("half", "a body byte by byte", "two a second", "408", _sends(POST + b"Content-Length: 90000\r\n\r\n", *[b"a"] * 120, pause=0.5), is_slow=True),
    Case("connections", "a reader that stops", f"{ASKED:,} pipelined GETs, nothing read for {STALLED_SECONDS + 5} s", "cut off", _deaf, is_slow=True),
    Case("connections", "of one address", f"{ADDRESS_CONNECTIONS + AT_ONCE} at once", "429", _crowd),
)  # fmt: skip
