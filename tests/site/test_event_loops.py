"""The server's protocols work on asyncio's loop and on uvloop, which a deployed server has."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from assistant_site.http.protocol import PROTOCOLS
from tests.site.test_hostile_clients import HEADS, assert_problem, statuses, until_closed

pytestmark = pytest.mark.live


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


@pytest.fixture(params=["auto", "h11"])
def protocol(request: pytest.FixtureRequest) -> Any:
    return PROTOCOLS[request.param]


@pytest.fixture(params=["asyncio", "uvloop"])
def port(request: pytest.FixtureRequest, protocol: Any) -> Iterator[int]:
    config = uvicorn.Config(
        _echo, port=0, http=protocol, loop=request.param, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="echo")
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def test_requests_are_answered_and_refused(port: int) -> None:
    assert httpx.post(f"http://127.0.0.1:{port}/", content=b"hello").text == "hello"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(HEADS["one header"])
        answer = until_closed(client)
    assert statuses(answer) == [431]
    assert_problem(answer, 431, "headers_too_large")
