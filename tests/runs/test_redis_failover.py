"""The service goes on when the master of a watched Redis dies, and uses the promoted one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live_site import LiveSite
from tests.processes import site_process
from tests.redis_sentinel import WatchedRedis, watched_redis

pytestmark = pytest.mark.timeout(240)  # a process of the service is started

QUESTION = "Why is the sky blue, in one sentence?"
PAUSE = 0.1
"""Seconds between two questions: without it they would take a processor until Redis is promoted."""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedRedis]:
    (tmp_path / "redis").mkdir()
    with watched_redis(tmp_path / "redis") as running:
        yield running


def asked(http: httpx.Client) -> dict[str, Any]:
    """A whole answer, which must come."""
    response = http.post("/api/v1/messages/", json={"content": QUESTION})
    assert response.status_code == 200, response.text
    message: dict[str, Any] = response.json()
    assert message["status"] == "complete"
    return message


def test_answers_go_on_and_the_promoted_redis_has_the_cache(
    site: LiveSite, watched: WatchedRedis, tmp_path: Path
) -> None:
    process = site_process(tmp_path, REDIS_URL=watched.url)
    process.start()
    token = site.person().http.headers["Authorization"]
    headers = {"Authorization": token, "Accept": "application/json"}
    try:
        with httpx.Client(base_url=process.url, headers=headers, timeout=30) as http:
            first = asked(http)
            assert first["cache"]["outcome"] == "miss"
            assert asked(http)["cache"]["outcome"] == "exact"
            watched.lose_master()
            outcomes = [asked(http)["cache"]["outcome"]]
            watched.promoted().close()
            deadline = time.monotonic() + 30
            while outcomes[-1] != "exact" and time.monotonic() < deadline:
                time.sleep(PAUSE)
                outcomes.append(asked(http)["cache"]["outcome"])
            again = asked(http)
            assert (outcomes[-1], again["cache"]["outcome"]) == ("exact", "exact")
            assert again["content"] == first["content"]
            while (state := http.get("/readyz").json()["checks"]["redis"]) != {"state": "ok"}:
                assert time.monotonic() < deadline, state
                time.sleep(PAUSE)
    finally:
        process.end()
