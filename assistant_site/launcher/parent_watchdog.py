"""Parent watchdog: execute a program that gets SIGTERM when its parent process dies.

``python -I -S parent_watchdog.py PARENT_PID PROGRAM ARGUMENT…``. On Linux this works after a SIGKILL of the
parent too; other systems only start the program. It is a script, because ``preexec_fn`` is not safe in a
process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent_pid: int) -> None:
    """Request SIGTERM from Linux for the end of the parent's thread that started this process."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the request
        raise SystemExit(1)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
