"""What every room of the suite may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from assistant_site.local.redis_server import RedisServer
from routing.simulator import Simulator


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis with search: TEST_REDIS_URL, else one of this session's own."""
    given = os.environ.get("TEST_REDIS_URL", "").strip()
    if given:
        yield given
        return
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """Both providers, scripted; call ``clear`` before and after scripting faults."""
    with Simulator.in_thread() as running:
        yield running
