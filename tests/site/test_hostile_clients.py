"""Clients that send too much, too slowly, or nothing: refused at once, with the contract's problem, and
nothing is left of them."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from assistant_site.http import bodies, protocol
from assistant_site.http.protocol import PROTOCOLS
from assistant_site.http.refusals import REFUSED
from tests.live_site import LiveSite

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HOST = b"Host: localhost\r\n"


@pytest.fixture(params=["auto", "h11"])
def served(request: pytest.FixtureRequest, site: LiveSite) -> Iterator[LiveSite]:
    """The site behind each of uvicorn's protocols."""
    config = site.server.config
    before, config.http_protocol_class = config.http_protocol_class, PROTOCOLS[request.param]
    yield site
    config.http_protocol_class = before


def connected(site: LiveSite) -> closing[socket.socket]:
    host, port = site.url.removeprefix("http://").split(":")
    return closing(socket.create_connection((host, int(port)), timeout=20))


def answers(site: LiveSite, *parts: bytes) -> bytes:
    """All that the server sends until it closes the connection."""
    with connected(site) as client:
        for part in parts:
            client.sendall(part)
        return until_closed(client)


def until_closed(client: socket.socket) -> bytes:
    received = b""
    while piece := client.recv(65536):
        received += piece
    return received


def until_ok(client: socket.socket, times: int = 1) -> bytes:
    received = b""
    while received.count(b'"ok"') < times:
        piece = client.recv(65536)
        assert piece, received
        received += piece
    return received


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def assert_problem(answer: bytes, status: int, code: str) -> None:
    head, _, body = answer.rpartition(b"\r\n\r\n")
    told = json.loads(body)
    assert b"content-type: application/problem+json" in head.lower()
    assert b"connection: close" in head.lower()
    assert (told["status"], told["code"]) == (status, code)
    assert told["request_id"]


def refused(reason: str) -> float:
    return float(REFUSED.labels(reason)._value.get())


HEADS = {
    "request line": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "one header": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    "half a header": b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000,
    "many headers": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 100 + b"\r\n",
    "trailers": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: "
    + b"a" * 70_000,
    "chunk extension": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n5;"
    + b"a" * 70_000,
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_over_the_limits_is_a_431(served: LiveSite, head: bytes) -> None:
    answer = answers(served, head)
    assert statuses(answer) == [431]
    assert_problem(answer, 431, "headers_too_large")


def test_a_head_within_the_limits_is_served(served: LiveSite) -> None:
    head = b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 97 + b"Connection: close\r\n"
    assert statuses(answers(served, head + b"Y: " + b"a" * 40_000 + b"\r\n\r\n")) == [200]


@pytest.mark.parametrize("first", [GET, GET * 3], ids=["one", "three"])
@pytest.mark.parametrize("at_once", [True, False], ids=["pipelined", "later"])
def test_each_head_of_a_connection_is_bounded(
    served: LiveSite, first: bytes, at_once: bool
) -> None:
    good, bad = first.count(b"GET"), HEADS["many headers"]
    if at_once:
        answer = answers(served, first + bad)
    else:
        with connected(served) as client:
            client.sendall(first)
            answer = until_ok(client, good)
            client.sendall(bad)
            answer += until_closed(client)
    assert statuses(answer) == [200] * good + [431]


def test_a_request_with_two_lengths_is_refused(served: LiveSite) -> None:
    both = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = answers(served, b"POST /healthz HTTP/1.1\r\n" + HOST + both)
    assert_problem(answer, 400, "invalid")
    assert_problem(answers(served, b"nonsense\r\n\r\n"), 400, "invalid")


HALVES = {
    "nothing": (b"", []),
    "blank lines": (b"\r\n\r\n", []),
    "half a head": (b"GET / HTTP/1.1\r\nHost: lo", [408]),
    "half a second head": (GET + b"GET / HTTP/1.1\r\n", [200, 408]),
    "no body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n", [408]),
    "half a body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhe", [408]),
    "half a chunk": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe", [408]),
    "no last chunk": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", [408]),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status"), HALVES.values(), ids=HALVES)
def test_half_a_request_is_closed(
    served: LiveSite,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
    status: list[int],
) -> None:
    # Shorter than the time for a head: half a head is no idle connection.
    monkeypatch.setattr(served.server.config, "timeout_keep_alive", 0.1)
    settings.REQUEST_HEAD_SECONDS = settings.REQUEST_BODY_SECONDS = 0.3
    before = refused("head_late") + refused("body_late")
    assert statuses(answers(served, sent)) == status
    assert refused("head_late") + refused("body_late") == before + 1


def test_a_body_that_trickles_is_closed(served: LiveSite, settings: Settings) -> None:
    settings.REQUEST_BODY_SECONDS = 0.3
    stop = threading.Event()
    with connected(served) as client:

        def trickle() -> None:
            while not stop.wait(0.02):
                try:
                    client.sendall(b"x")
                except OSError:
                    return

        client.sendall(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 90000\r\n\r\n")
        thread = threading.Thread(target=trickle)
        thread.start()
        answer = until_closed(client)
        stop.set()
        thread.join()
    assert_problem(answer, 408, "request_timeout")


def test_an_answer_that_takes_longer_than_the_time_outs_is_not_cut(
    served: LiveSite, settings: Settings
) -> None:
    settings.REQUEST_HEAD_SECONDS = settings.REQUEST_BODY_SECONDS = 0.2
    served.simulator.fault(call="chat", times=1, headers_delay_ms=1_500)
    assert served.person().ask("Write a haiku about granite.", model="gpt")["status"] == "complete"


@pytest.mark.parametrize(
    ("setting", "status", "code", "reason"),
    [
        ("CONNECTIONS_PER_ADDRESS", 429, "too_many_connections", "address_connections"),
        ("CONNECTIONS_PER_WORKER", 503, "overloaded", "worker_connections"),
    ],
)
def test_connections_are_limited(
    served: LiveSite, settings: Settings, setting: str, status: int, code: str, reason: str
) -> None:
    before = refused(reason)
    setattr(settings, setting, protocol.OPEN.total + 2)
    with connected(served) as first, connected(served) as second:
        for each in (first, second):
            each.sendall(GET)
            until_ok(each)
        assert_problem(answers(served), status, code)
        assert refused(reason) == before + 1
        first.sendall(GET)
        until_ok(first)


def test_a_trusted_proxy_is_not_limited_as_one_address(
    served: LiveSite, settings: Settings
) -> None:
    settings.CONNECTIONS_PER_ADDRESS, settings.FORWARDED_ALLOW_IPS = 1, ["127.0.0.0/8"]
    with connected(served), connected(served):
        close = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert statuses(answers(served, close)) == [200]


BIG = 3_000_000
POST = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"
PATHS = [
    "/",
    "/healthz",
    "/nowhere",
    "/admin/login/",
    "/api/v1/messages/",
    "/api/v1/messages",
    "/api/v1/conversations/01a207ba-bba9-735e-a595-832cadbabbc2/messages/",
    "/api/v1/decisions/",
    "/api/v1/auth/token/",
]


def post(path: str, *headers: str) -> bytes:
    """The head of a POST."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return POST % (path.encode(), f"{lines}\r\n".encode())


def signed_in(user: int = 1) -> str:
    """A header with a token that is valid by its signature."""
    token = AccessToken()
    token["user_id"] = str(user)
    return f"Authorization: Bearer {token}"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Temporary files that were made meanwhile."""
    made: list[object] = []
    for name in ("NamedTemporaryFile", "SpooledTemporaryFile", "TemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, lambda *args, **more: made.append((args, more)))
    return made


@pytest.mark.parametrize("path", PATHS)
def test_a_body_announced_too_large_is_a_413_at_once(
    served: LiveSite, disk: list[object], path: str
) -> None:
    head = post(path, f"Content-Length: {BIG}", signed_in(), "Expect: 100-continue")
    answer = answers(served, head)
    assert statuses(answer) == [413]  # no 100
    assert b"connection: close" in answer.lower()
    if not path.startswith(("/admin/", "/static/")):
        code = "prompt_too_long" if "messages" in path else "body_too_large"
        assert_problem(answer, 413, code)
    assert not disk


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_turns_out_too_large_is_a_413(
    served: LiveSite, disk: list[object], path: str
) -> None:
    head = post(path, "Transfer-Encoding: chunked", signed_in())
    answer = answers(served, head, b"%x\r\n" % BIG, b"a" * (BIG - 1))
    assert statuses(answer) == [413]
    assert not disk


@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_has_a_limit_of_its_own(
    served: LiveSite, disk: list[object], announced: bool
) -> None:
    def status(size: int) -> list[int]:
        length = f"Content-Length: {size}" if announced else "Transfer-Encoding: chunked"
        body = b"a" * size if announced else b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"a" * size)
        head = post("/admin/routing/rulesetversion/import/", length, "Connection: close")
        return statuses(answers(served, head, body))

    assert status(5_000_000) == [403]  # read, and refused by the form's token
    assert status(6_500_000) == [413]
    assert not disk


@pytest.mark.parametrize("length", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("token", [None, "nonsense"])
def test_a_stranger_is_refused_before_the_body(
    served: LiveSite, length: str, token: str | None
) -> None:
    headers = [length, *([f"Authorization: Bearer {token}"] if token else [])]
    answer = answers(served, post("/api/v1/messages/", *headers, "Expect: 100-continue"))
    assert_problem(answer, 401, "token_not_valid" if token else "not_authenticated")
    assert statuses(answer) == [401]
    assert b"www-authenticate: bearer" in answer.lower()


def test_bodies_within_the_limit_are_read(served: LiveSite) -> None:
    body = b'{"title": "' + b"x" * 2_000_000 + b'"}'
    person = signed_in(served.user().pk)
    head = post("/api/v1/conversations/", f"Content-Length: {len(body)}", person)
    with connected(served) as client:
        client.sendall(head + body + GET)
        answer = until_ok(client)
    assert statuses(answer) == [400, 200]


def test_all_bodies_together_are_bounded(served: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MEMORY_BYTES", 100_000)
    body = b"a" * 200_000
    answer = answers(served, post("/nowhere", f"Content-Length: {len(body)}"), body)
    assert_problem(answer, 503, "overloaded")
    while bodies.held():  # the answer comes before the end of the request
        threading.Event().wait(0.01)


def test_a_client_that_is_still_sending_can_read_its_refusal(served: LiveSite) -> None:
    name, _, token = signed_in().partition(": ")
    response = httpx.post(
        f"{served.url}/api/v1/messages/",
        content=b"a" * 20_000_000,
        headers={name: token, "Content-Type": "application/json"},
    )
    assert (response.status_code, response.json()["code"]) == (413, "prompt_too_long")
