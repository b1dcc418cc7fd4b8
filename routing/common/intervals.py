"""How sure a share is. Pure: standard library only."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054
"""Standard deviations that 95 % of a normal distribution lie within."""


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share (E. B. Wilson, 1927), sound for few samples and shares near 0 or 1;
    everything is possible of nothing."""
    if whole <= 0:
        return 0.0, 1.0
    share, square = part / whole, Z_95 * Z_95
    middle = share + square / (2 * whole)
    half = Z_95 * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
