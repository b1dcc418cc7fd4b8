"""The service as it is deployed, several workers behind one port, with the live site's face."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from assistant_site.simulator import Simulator
from benchmarks.stage.site import Site
from routing.common.redis.clients import sync_client
from routing.domain.errors import CircuitsUnavailable
from routing.llm.failover.circuit_states import CircuitAdmin
from tests.live_site import LiveSite
from tests.processes import site_process

QUIET_SECONDS = 15.0


class RemoteSite(LiveSite):
    """``workers`` processes. Nothing of them is reached but by HTTP, and what they leave outside."""

    def __init__(self, simulator: Simulator, *, workers: int, folder: Path) -> None:
        super().__init__(simulator)
        self._workers, self._folder = workers, folder
        self._site: Site | None = None

    @property
    def url(self) -> str:
        return self._running.url

    def start(self) -> None:
        self._serve({})

    def close(self) -> None:
        self.close_clients()
        if self._site:
            self._site.end()

    @contextmanager
    def composed_with(self, **changed: Any) -> Iterator[None]:
        """Started anew with other settings, which are named as their variables are."""
        self._serve({name: str(value) for name, value in changed.items()})
        try:
            yield
        finally:
            self._serve({})

    def close_circuits(self) -> None:
        with sync_client(settings.REDIS_URL) as client, suppress(CircuitsUnavailable):
            CircuitAdmin(client, prefix=settings.REDIS_PREFIX).reset()

    def client(self, **headers: str) -> httpx.Client:
        """A client whose every request may meet another worker."""
        apart = httpx.Limits(max_keepalive_connections=0)
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, limits=apart)
        self._clients.append(client)
        return client

    def await_quiet(self) -> None:
        """Wait until no worker makes an answer any more."""
        deadline = time.monotonic() + QUIET_SECONDS
        while running := self._runs():
            assert time.monotonic() < deadline, f"{running} runs are left"

    def _runs(self) -> float:
        workers = self._running.await_workers().values()
        return sum(figures["assistant_runs_in_progress"] for figures in workers)

    @property
    def _running(self) -> Site:
        assert self._site is not None, "it was not started"
        return self._site

    def _serve(self, changed: dict[str, str]) -> None:
        if self._site:
            self._site.end()
        self._site = site_process(self._folder, workers=self._workers, **changed)
        self._site.start()
