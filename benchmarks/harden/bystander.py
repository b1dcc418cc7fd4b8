"""A person who asks meanwhile: requests of ``/healthz``, one after the other, each on a connection of its own, timed."""

from __future__ import annotations

import http.client
import threading
import time
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

PAUSE_SECONDS = 0.02


class Bystander:
    """A thread that asks all the time, as a context manager. ``folder`` is the server's temporary
    folder, whose largest size is noted."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port, self._folder = port, folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="bystander")
        self._taken: list[float] = []
        self.faults: list[str] = []
        self.bytes_on_disk = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def mark(self) -> int:
        """The beginning of a period, for ``since``."""
        return len(self._taken)

    def since(self, mark: int, *, fewest: int = 5) -> tuple[float, float]:
        """Median and longest latency in seconds from a mark on, of ``fewest`` requests at least."""
        while len(self._taken) < mark + fewest and self._thread.is_alive():
            time.sleep(PAUSE_SECONDS)
        taken = self._taken[mark:] or [float("inf")]
        return median(taken), max(taken)

    def _ask(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            started = time.perf_counter()
            try:
                self._request()
            except (OSError, http.client.HTTPException) as exc:
                self.faults.append(f"{type(exc).__name__}: {exc}")
            self._taken.append(time.perf_counter() - started)
            size = sum(each.stat().st_size for each in self._folder.rglob("*") if each.is_file())
            self.bytes_on_disk = max(self.bytes_on_disk, size)

    def _request(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != 200:
            raise http.client.HTTPException(f"status {status}")
