"""What a party's processes cost, read from ``/proc``."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping

from benchmarks.stage import proc

_TICK = os.sysconf("SC_CLK_TCK")
_QUIET_SECONDS = 0.15
_PRIVATE = re.compile(r"^Private_\w+: +(\d+) kB", re.MULTILINE)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, and of its children, living or reaped."""
    try:
        fields = (proc.PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    own = sum(int(fields[at]) for at in range(11, 15)) / _TICK
    return own + sum(cpu_seconds(child) for child in proc.children(pid))


def spent(parts: Mapping[str, int]) -> dict[str, float]:
    """The CPU seconds of each part so far."""
    return {name: cpu_seconds(pid) for name, pid in parts.items()}


def spent_once_quiet(parts: Mapping[str, int], patience: float) -> dict[str, float]:
    """The same, once what is done after the last answer is done too; ``patience`` in seconds."""
    deadline = time.monotonic() + patience
    before = spent(parts)
    while time.monotonic() < deadline:
        time.sleep(_QUIET_SECONDS)
        now = spent(parts)
        if sum(now.values()) - sum(before.values()) <= 1.5 / _TICK:
            return now
        before = now
    return before


def private_kb(parts: Mapping[str, int]) -> dict[str, int]:
    """Memory that is each part's alone: what would come back if it ended. Its children count."""
    return {name: _private_kb(pid) for name, pid in parts.items()}


def _private_kb(pid: int) -> int:
    try:
        text = (proc.PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    own = sum(int(size) for size in _PRIVATE.findall(text))
    return own + sum(_private_kb(child) for child in proc.children(pid))
