"""Many requests at once on two workers: a budget gives what it has, and the counters agree with the ledger.

CI plays these on PostgreSQL as well.
"""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

import httpx
import pytest
from django.core.management import call_command

from assistant_site.launcher.redis_server import RedisServer
from benchmarks.stage.site import Site, send
from conversations.models import LedgerEntry
from tests.live_site import LiveSite
from tests.processes import site_process
from tests.usage.conftest import Make, Program, SetLimit, drift, settled_state, state_of
from tests.usage.test_limits import ENTRIES, STORY

CROWD, LEAVING = 60, 30
SETTLED_SECONDS = 60
"""Leases are of a second here; the rest is for a busy machine."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def _other(_running_site: LiveSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    process = site_process(
        tmp_path_factory.mktemp("other"),
        STREAMS_PER_USER="100",
        ASK_RATE="100000/minute",
        RESERVATION_SECONDS="1",
    )
    yield process
    process.end()


@pytest.fixture
def other(_other: Site) -> Site:
    """A second worker, with the same database, Redis and providers; a test may kill it."""
    if not _other.is_up:
        _other.start()
    return _other


def client_of(client: Program, other: Site, number: int) -> httpx.Client:
    """Half of the crowd asks one worker, half the other."""
    base = other.url if number % 2 else str(client.http.base_url)
    token = client.http.headers["authorization"]
    return httpx.Client(base_url=base, headers={"Authorization": token}, timeout=60)


def test_sixty_at_once_on_two_workers_with_a_budget_for_ten(
    site: LiveSite, program: Make, limit: SetLimit, other: Site
) -> None:
    client = program()
    budget = limit(10, user=client.person.user)
    gate = threading.Barrier(CROWD)

    def ask(number: int) -> int:
        with client_of(client, other, number) as http:
            gate.wait()
            return http.post("/v1/chat/completions", json=ENTRIES["chat"][1]).status_code

    with site.composed_with(STREAMS_PER_USER=100), ThreadPoolExecutor(CROWD) as threads:
        statuses = Counter(threads.map(ask, range(CROWD)))
    client.booked(10)

    assert statuses == {200: 10, 402: 50}
    assert settled_state(budget, client.person.user.pk).used == 10
    assert len([row for row in client.rows if row.requests]) == 10
    assert drift() == []


def test_clients_a_worker_and_redis_that_go_leave_no_drift(
    site: LiveSite, program: Make, limit: SetLimit, other: Site, redis_server: RedisServer
) -> None:
    """Sixty streams: the first half of the clients leaves, then one worker is killed, then Redis starts anew."""
    client = program()
    money = limit(Decimal(50), "usd", "total", user=client.person.user)
    requests = limit(1_000, "requests", "total", user=client.person.user)
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=100)
    messages = [{"role": "user", "content": STORY}]
    body = {"model": "gpt-mini", "messages": messages, "stream": True}
    began, killed = threading.Barrier(CROWD + 1), threading.Event()

    def ask(number: int) -> None:
        with (
            client_of(client, other, number) as http,
            suppress(httpx.HTTPError),
            http.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            lines = answer.iter_lines()
            next(lines)
            began.wait(120)
            if number < LEAVING:
                return
            killed.wait(60)
            for _ in itertools.islice(lines, 200):
                pass

    changed = {"STREAMS_PER_USER": 100, "RESERVATION_SECONDS": 1.0}
    with site.composed_with(**changed), ThreadPoolExecutor(CROWD) as threads:
        asking = [threads.submit(ask, number) for number in range(CROWD)]
        began.wait(120)
        assert state_of(money, client.person.user.pk).reserved > 0
        send(other.supervisor, signal.SIGKILL)
        redis_server.stop()
        redis_server.start()
        killed.set()
        for each in asking:
            each.result(120)
        site.simulator.clear()
        site.await_redis()
        deadline = time.monotonic() + SETTLED_SECONDS
        while time.monotonic() < deadline and booked_runs(client) < CROWD:
            time.sleep(0.1)
        settled_state(money, client.person.user.pk)
        assert client.chat().status_code == 200  # counters that Redis lost are counted anew
        client.booked(CROWD + 1)
        states = [settled_state(each, client.person.user.pk) for each in (money, requests)]

    assert all(state.counted and not state.reserved for state in states)
    assert [state.used for state in states] == [
        sum(row.cost or 0 for row in client.rows),
        sum(row.requests for row in client.rows),
    ]
    call_command("reconcile_usage", check=True)  # exits with 1 where one differs


def booked_runs(client: Program) -> int:
    """Runs in the ledger."""
    return LedgerEntry.objects.filter(user=client.person.user.pk, requests=1).count()
