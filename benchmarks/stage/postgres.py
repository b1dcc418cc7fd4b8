"""A PostgreSQL of its own on a free loopback port, to be killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

from assistant_site.launcher import processes

_START_SECONDS = 60.0


class PostgresNotFound(RuntimeError):
    """This machine has no PostgreSQL; the message is for a person."""


class Postgres:
    """One throw-away cluster in ``folder``, which must not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, processes.free_port()
        self._programs = _programs()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As DATABASE_URL takes it."""
        return f"postgres://assistant@127.0.0.1:{self._port}/postgres"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def pid(self) -> int:
        """Of the process that the others are children of."""
        return self._running.pid

    def create(self) -> None:
        """Make the cluster and start it."""
        self._folder.mkdir(parents=True)
        if _is_root():
            os.chown(self._folder, *_nobody())
        initdb = [str(self._programs / "initdb"), "-D", str(self._data), "-U", "assistant"]
        subprocess.run(  # our own command
            [*_as_nobody(), *initdb, "--auth=trust"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
        )
        self.start()

    def start(self) -> None:
        """Start it and wait until it takes connections. What a killed one left behind may keep the
        next from starting for a moment: then once more."""
        deadline = time.monotonic() + _START_SECONDS
        self._launch()
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start; {self._folder / 'log'} says why")
            if self._running.poll() is not None:
                self._launch()
            time.sleep(0.1)

    def kill(self) -> None:
        """As a power cut does: no word to anybody."""
        self._running.kill()
        self._running.wait()

    def end(self) -> None:
        """End it at once, but in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": does not wait for its clients
            processes.end(self._process, grace=20)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _launch(self) -> None:
        where = ["-D", str(self._data), "-p", str(self._port), "-k", str(self._folder)]
        command = [str(self._programs / "postgres"), *where, "-c", "listen_addresses=127.0.0.1"]
        with (self._folder / "log").open("ab") as log:
            self._process = processes.start([*_as_nobody(), *command], output=log, cwd=self._folder)

    def _is_ready(self) -> bool:
        probe = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(probe, check=False).returncode == 0


def _programs() -> Path:
    """The folder that really holds the programs; a link on the PATH may name one of them only."""
    candidates = [Path(found) for found in [shutil.which("initdb")] if found]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    for candidate in candidates:
        folder = candidate.resolve().parent
        if all((folder / name).exists() for name in ("initdb", "postgres", "pg_isready")):
            return folder
    raise PostgresNotFound("PostgreSQL's initdb is not on this machine.")


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root. Another user's process loses its tie to us: tie it again."""
    if not _is_root():
        return []
    user, group = _nobody()
    setpriv = shutil.which("setpriv") or "setpriv"
    who = ["--reuid", str(user), "--regid", str(group), "--clear-groups"]
    return [setpriv, *who, "--pdeathsig", "TERM", "--"]


def _is_root() -> bool:
    return os.geteuid() == 0


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid
