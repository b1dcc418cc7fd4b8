"""Growth: whether a call's CPU time grows faster than its text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import inf

from tests.architecture.regular_expressions import Text

QUICK = 0.25e-6
"""Seconds a character that need no second look, and at least those of ``NOISE``."""
NOISE = 0.0005
ROUNDS = 4
"""Times that the two are compared before a call is told: another process may have had the processor in one."""
LINEAR, QUADRATIC = 8.0, 32.0
"""Most between the time for a text and for one of four times its length: linear work has four, quadratic
sixteen, cubic 64."""
SIZES = {250: QUADRATIC, 4_000: LINEAR}
"""Characters, and the most that the time may grow. A short text only shows whether a long one would take
too long to try: ``.{0,60}`` is quadratic as far as it reaches, and linear beyond."""


def grows_faster(
    call: Callable[[str], object], text: Text, sizes: Mapping[int, float] = SIZES
) -> str:
    """The times of a call that grows faster than its text; empty for one that does not."""
    for size, ratio in sizes.items():
        quick = max(size * QUICK, NOISE)
        before, after = inf, _seconds(call, text(size), 1)
        if after <= quick:
            continue
        for _ in range(ROUNDS):
            before = min(before, _seconds(call, text(size // 4), 3))
            if after <= max(quick, ratio * before):
                break
            # Too long by once may be the processor's doing, too short never is.
            after = min(after, _seconds(call, text(size), 2))
        else:
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
