"""The site as it is deployed: a supervisor and its workers behind one port."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from assistant_site.launcher import processes
from benchmarks.stage import proc

START_SECONDS = 240.0
"""Every worker imports LiteLLM, on a machine that may be busy."""

_PID = re.compile(r'^assistant_worker\{pid="(\d+)"\} 1', re.MULTILINE)
_FIGURE = re.compile(r"^(\w+) ([\d.e+-]+)$", re.MULTILINE)
_WORKER = "spawn_main"
_ASKED_AT_ONCE = 6


def told(
    *, database: str, redis: str, providers: Mapping[str, str], data: Path, **more: str
) -> dict[str, str]:
    """The environment of a site that serves many people fast, with nothing of the developer's own
    ``.env`` in it."""
    return {
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "ASSISTANT_DATA_DIR": str(data),
        "OPENAI_API_KEY": "simulated",
        "OPENAI_BASE_URL": providers["openai"],
        "ANTHROPIC_API_KEY": "simulated",
        "ANTHROPIC_BASE_URL": providers["anthropic"],
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ACCESS_TOKEN_SECONDS": "7200",
        "ASK_RATE": "1000000/minute",
        "CONNECTIONS_PER_WORKER": "0",
        "CONNECTIONS_PER_ADDRESS": "0",
        "LANGFUSE_PUBLIC_KEY": "",
        "LANGFUSE_SECRET_KEY": "",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


class Site:
    """``workers`` processes on one free port, with their lines in ``log``. With one worker there is
    no supervisor."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        workers: int,
        log: Path,
        options: Sequence[str] = (),
    ) -> None:
        self._environment = {**environment, "WEB_CONCURRENCY": str(workers)}
        self._count, self._log, self._options = workers, log, options
        self.port = processes.free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The site's root, without a slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_up(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def supervisor(self) -> int:
        """Its process id."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def start(self, *, booted: bool = True) -> None:
        """Start it and wait for every worker; ``booted``: until all is loaded that a worker can serve without."""
        command = [sys.executable, "-m", "assistant_site.serve", "--port", str(self.port)]
        command += self._options
        with self._log.open("ab") as log:
            self._process = processes.start(
                command, env={**os.environ, **self._environment}, output=log
            )
        self.await_workers()
        if booted:
            self._await_boot()

    def _await_boot(self) -> None:
        # Whatever it says of its parts: it says nothing before all is loaded.
        with (
            suppress(urllib.error.HTTPError),
            urllib.request.urlopen(f"{self.url}/readyz", timeout=START_SECONDS),
        ):
            pass

    def workers(self) -> list[int]:
        """The process ids of the workers there are, ready or not."""
        if self._count == 1:
            return [self.supervisor]
        return [
            pid for pid in proc.children(self.supervisor) if _WORKER in processes.command_line(pid)
        ]

    def await_workers(self) -> dict[int, dict[str, float]]:
        """Wait until all of them answer; their plain figures at ``/metrics`` by process id."""
        deadline = time.monotonic() + START_SECONDS
        seen: dict[int, dict[str, float]] = {}
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as asking:
            while set(seen) != (there := set(self.workers())) or len(there) != self._count:
                self._check(deadline)
                answers = asking.map(lambda _: self.figures(), range(_ASKED_AT_ONCE))
                seen.update(each for each in answers if each)
                seen = {pid: seen[pid] for pid in seen if pid in there}
                if len(seen) < self._count:
                    time.sleep(0.5)
        return seen

    def end(self, grace: float = 30.0) -> int:
        """Tell it to end and wait; whoever is left after ``grace`` seconds is killed."""
        if self._process is None:
            return 0
        left = [self.supervisor, *self.workers()]
        for pid in left:
            send(pid, signal.SIGCONT)
        code = processes.end(self._process, grace=grace)
        for pid in left[1:]:
            send(pid, signal.SIGKILL)
        self._process = None
        return code

    def figures(self) -> tuple[int, dict[str, float]] | None:
        """Those of the worker that answers, with its process id; ``None`` where none does."""
        try:
            with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as response:
                text = response.read().decode()
        except (OSError, urllib.error.URLError):
            return None
        figures = {name: float(value) for name, value in _FIGURE.findall(text)}
        found = _PID.search(text)
        return (int(found[1]), figures) if found else None

    def _check(self, deadline: float) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the site ended at its start; {self._log} says why")
        if time.monotonic() > deadline:
            raise RuntimeError(f"not all workers answer; {self._log} says why")


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
