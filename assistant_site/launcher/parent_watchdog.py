"""Become another program that ends when the process which started it ends, however that happens.

Run as ``python -I -S parent_watchdog.py PARENT_PID PROGRAM ARGUMENT…``. Linux sends SIGTERM to a program tied
this way when its parent dies, by SIGKILL too; elsewhere it is simply started. A program of its own,
because Python's ``preexec_fn`` is not safe in a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tie_to_parent(parent_pid: int) -> None:
    """Ask Linux for SIGTERM when the parent's thread that started us ends."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before we asked
        raise SystemExit(1)


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
