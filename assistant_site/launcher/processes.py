"""Child processes: start and end them, end leftovers of an earlier run, find free ports."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO

_WATCHDOG = Path(__file__).with_name("parent_watchdog.py")


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    cwd: Path | None = None,
    pass_fds: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in a new session: a Ctrl-C reaches only us, and we end the children in order.

    Call it from the main thread: Linux ends the child with the thread that started it. Both output
    streams go to ``output`` (a file or ``subprocess.PIPE``), or to ours if it is None. ``pass_fds`` stay open
    in it.
    """
    watched = [sys.executable, "-I", "-S", str(_WATCHDOG), str(os.getpid()), *command]
    return subprocess.Popen(  # noqa: S603 - the command is our own
        watched,
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        pass_fds=tuple(pass_fds),
        stdout=output,
        stderr=output if output is None else subprocess.STDOUT,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], *, grace: float = 10.0) -> int:
    """SIGTERM, then SIGKILL after ``grace`` seconds; the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def command_line(pid: int) -> str:
    """The arguments of a running process joined by spaces; empty when there is none."""
    listing = Path(f"/proc/{pid}/cmdline")
    if listing.parent.parent.joinpath("self").exists():
        try:
            return listing.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    listed = subprocess.run(  # noqa: S603 - the pid is a number
        ["ps", "-p", str(pid), "-o", "command="],  # noqa: S607 - POSIX's own
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.strip()


def read_pid(pid_file: Path) -> int | None:
    """The number in a pid file, if there is one."""
    try:
        return int(pid_file.read_text().strip())
    except (OSError, ValueError):
        return None


def end_leftover(pid_file: Path, *, mark: str, grace: float = 10.0) -> bool:
    """End the process an earlier run left behind, if the pid still is the one whose command line
    has ``mark`` in it; whether there was one."""
    pid = read_pid(pid_file)
    # The system gives numbers again: only the command line tells that the process is ours.
    if pid is None or pid == os.getpid() or mark not in command_line(pid):
        pid_file.unlink(missing_ok=True)
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        if not _gone(pid, mark, grace):
            os.kill(pid, signal.SIGKILL)
            _gone(pid, mark, grace)
    pid_file.unlink(missing_ok=True)
    return True


def _gone(pid: int, mark: str, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while mark in command_line(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still winding down counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def remembered_port(port_file: Path) -> int:
    """The port of the last run while it is free, else a new one that is then remembered."""
    with contextlib.suppress(OSError, ValueError):
        port = int(port_file.read_text())
        if is_free(port):
            return port
    port = free_port()
    port_file.write_text(f"{port}\n")
    return port
