"""The simulator's server bounds heads as the site's does, and closes half requests."""

from __future__ import annotations

import socket

import pytest

from assistant_site.simulator import Simulator
from assistant_site.simulator.protocol import SimulatorProtocol
from assistant_site.wire.limits import RequestTimeouts
from tests.site.test_hostile_clients import HEADS, assert_problem, statuses, until_closed

SMALL = b"GET /v1/files HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk-test\r\n"


def sent(sim: Simulator, data: bytes) -> bytes:
    host, port = sim.anthropic_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(data)
        return until_closed(client)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_over_the_limits_is_a_431(sim: Simulator, head: bytes) -> None:
    answer = sent(sim, head)
    if statuses(answer):  # a chunked body may be answered before its end
        assert_problem(answer, 431, "headers_too_large")
    else:
        assert b"chunked" in head
    assert not sim.requests


def test_a_head_within_the_limits_is_answered(sim: Simulator) -> None:
    head = SMALL + b"X: a\r\n" * 90 + b"Y: " + b"a" * 50_000 + b"\r\nConnection: close\r\n\r\n"
    assert len(statuses(sent(sim, head))) == 1
    assert len(sim.requests) == 1


def test_half_a_head_is_closed(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatorProtocol, "timeouts", lambda _: RequestTimeouts(head_seconds=0.2))
    assert_problem(sent(sim, SMALL), 408, "request_timeout")
    assert sent(sim, b"") == b""
