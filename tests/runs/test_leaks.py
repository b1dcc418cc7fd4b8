"""Thousands of streams, half of them abandoned at random points: nothing of them stays behind.

``LEAK_STREAMS`` are opened (default 200), ``LEAK_SEED`` repeats a run. What a process holds is read
from Linux and from ``/metrics``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from benchmarks.stage import proc
from benchmarks.stage.site import Site
from conversations.models import Message
from conversations.runs.recovery import LEASE_SECONDS
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite
from tests.processes import database_url, site_process

STREAMS = int(os.environ.get("LEAK_STREAMS", "200"))
SEED = int(os.environ.get("LEAK_SEED", "0")) or secrets.randbelow(2**32)
AT_ONCE = 32
PEOPLE = 16
WARMING = 200
"""Streams after which pools have grown and modules are loaded."""
QUIET_SECONDS = 30.0
MORE_CONNECTIONS = AT_ONCE
"""Pools are as large as the most that was ever wanted at once, which is not the same twice: a stream
may want two. A leak grows with the streams."""

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
    pytest.mark.timeout(240 + STREAMS // 5),
]

UNTIL = {
    "before the first byte": b"",
    "at the headers": b"HTTP/1.1 200",
    "at the start": b"event: start",
    "after the first token": b"event: token",
    "mid-way": b"token6",
}


@dataclass(frozen=True)
class Held:
    """What the process holds while nobody asks."""

    tasks: float
    runs: float
    descriptors: int
    connections: dict[str, int]


@pytest.fixture
def lonely(site: LiveSite, tmp_path: Path) -> Iterator[Site]:
    """The service in a process that nobody else asks."""
    process = site_process(tmp_path)
    try:
        process.start()
        yield process
    finally:
        process.end()


def test_nothing_is_left_of_thousands_of_streams(
    site: LiveSite, lonely: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.simulator.fault(call="chat", tokens=12, token_delay_ms=4)
    heads = [f"Authorization: {site.person().http.headers['Authorization']}" for _ in range(PEOPLE)]
    asyncio.run(_streams(lonely, heads, WARMING))
    before = _quiet(site, lonely)
    began = time.monotonic()
    ended = asyncio.run(_streams(lonely, heads, STREAMS))
    seconds = time.monotonic() - began
    after = _quiet(site, lonely, like=before)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are wanted, not only the verdict
            f"\nLEAK_SEED={SEED} LEAK_STREAMS={STREAMS}: {seconds:.0f} s\n"
            f"before {before}\nafter  {after}\n{dict(ended)}"
        )

    assert ended["whole"] + ended["abandoned"] == STREAMS
    assert ended["abandoned"] > STREAMS * 0.3
    assert _too_much(before, after) == {}
    assert not Message.objects.filter(status=Message.Status.STREAMING).exists()
    _no_lease_is_left()


def _no_lease_is_left() -> None:
    """One that was renewed in the moment of its run's end is left to expire."""
    deadline = time.monotonic() + LEASE_SECONDS + 5
    with sync_client(settings.REDIS_URL) as client:
        while left := list(client.scan_iter(f"{settings.REDIS_PREFIX}:run:*:lease")):
            assert time.monotonic() < deadline, left
            time.sleep(0.5)


async def _streams(site: Site, heads: list[str], count: int) -> Counter[str]:
    dice, turn = random.Random(SEED), asyncio.Semaphore(AT_ONCE)

    async def one(number: int, until: bytes | None) -> str:
        async with turn:
            return await _stream(site.port, heads[number % len(heads)], until)

    points = [
        dice.choice(list(UNTIL.values())) if dice.random() < 0.5 else None for _ in range(count)
    ]
    return Counter(await asyncio.gather(*(one(*each) for each in enumerate(points))))


async def _stream(port: int, head: str, until: bytes | None) -> str:
    """Ask on a connection of one's own; leave it as soon as ``until`` was read. Returns how it went."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_request(head))
        await writer.drain()
        heard = b""
        while until is None or until not in heard:
            more = await reader.read(65536)
            if not more:
                return "whole" if b"event: done" in heard else f"broken: {heard[-300:]!r}"
            heard += more
        return "abandoned"
    finally:
        writer.transport.abort()


def _request(head: str) -> bytes:
    body = json.dumps({"content": "Tell me something about zebrafish.", "model": "gpt"})
    lines = [
        "POST /api/v1/messages/ HTTP/1.1",
        "Host: 127.0.0.1",
        head,
        "Accept: text/event-stream",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", body]).encode()


def _quiet(site: LiveSite, process: Site, like: Held | None = None) -> Held:
    """What it holds once nothing runs any more and nothing changes; given ``like``, wait for it to
    come back to that."""
    deadline = time.monotonic() + QUIET_SECONDS
    site.simulator.wait_for(lambda requests: all(each.outcome != "open" for each in requests))
    last = _held(site, process)
    while time.monotonic() < deadline:
        time.sleep(0.5)  # it tells when it is asked, and has no event for us
        held, last = last, _held(site, process)
        if held == last and last.runs == 0 and not _too_much(like or last, last):
            break
    return last


def _too_much(before: Held, after: Held) -> dict[str, tuple[float, float]]:
    """What came back larger than it was."""
    allowed = {name: count + MORE_CONNECTIONS for name, count in before.connections.items()}
    compared = {
        "tasks": (before.tasks, after.tasks),
        "runs": (before.runs, after.runs),
        "descriptors": (before.descriptors + MORE_CONNECTIONS, after.descriptors),
        **{name: (allowed[name], count) for name, count in after.connections.items()},
    }
    return {name: pair for name, pair in compared.items() if pair[1] > pair[0]}


def _held(site: LiveSite, process: Site) -> Held:
    # Asked once at a time: each request that it answers meanwhile is several tasks.
    told = process.figures()
    assert told is not None
    pid, figures = told
    ports = {_port(settings.REDIS_URL): "redis", process.port: "clients"} | {
        _port(url): "providers" for url in site.simulator.urls.values()
    }
    if not database_url().startswith("sqlite"):
        ports[_port(database_url())] = "database"
    return Held(
        figures["assistant_tasks"],
        figures["assistant_runs_in_progress"],
        proc.descriptors(pid),
        proc.connections(pid, ports),
    )


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
