"""Growth: whether a call's CPU time grows faster than its text."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tests.architecture.regular_expressions import Text

SIZES = (250, 4_000)
QUICK = 0.25e-6
"""Seconds a character that need no second look, and at least those of ``NOISE``."""
NOISE = 0.0005
RATIO = 8.0
"""Between the time for a text and for one of four times its length: linear work has four, quadratic
sixteen."""


def grows_faster(call: Callable[[str], object], text: Text, sizes: Sequence[int] = SIZES) -> str:
    """The times of a call that grows faster than its text; empty for one that does not."""
    for size in sizes:
        quick = max(size * QUICK, NOISE)
        if _seconds(call, text(size), 1) > quick:
            before, after = _seconds(call, text(size // 4), 3), _seconds(call, text(size), 2)
            if after > max(quick, RATIO * before):
                return f"{before * 1000:.1f} ms for {size // 4}, {after * 1000:.1f} ms for {size}"
    return ""


def _seconds(call: Callable[[str], object], text: str, times: int) -> float:
    """CPU time of this thread, the least of several tries."""
    tries = []
    for _ in range(times):
        began = time.thread_time()
        call(text)
        tries.append(time.thread_time() - began)
    return min(tries)
