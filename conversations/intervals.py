"""How sure a share or a mean is: 95 % intervals.

Pure: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the interval that holds the true one in 95 of 100 cases, of ``count`` observations."""

    value: float
    low: float
    high: float
    count: int

    def apart_from(self, other: Estimate) -> bool:
        """Whether the intervals do not even touch: then the difference is hardly chance."""
        return self.low > other.high or other.low > self.high


def wilson(hits: int, count: int) -> Estimate | None:
    """A share, with Wilson's score interval (E. B. Wilson, 1927); ``None`` of nothing."""
    if count <= 0:
        return None
    share, square = hits / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = Z * sqrt(share * (1 - share) / count + square / (4 * count * count))
    half = spread / (1 + square / count)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half), count)


def mean(total: float, squares: float, count: int) -> Estimate | None:
    """A mean of what is summed up, with the normal interval of its standard error; ``None`` of nothing.
    A single observation tells nothing of the spread: its interval is open upwards."""
    if count <= 0:
        return None
    value = total / count
    if count == 1:
        return Estimate(value, 0.0, float("inf"), 1)
    variance = max(0.0, (squares - count * value * value) / (count - 1))
    half = Z * sqrt(variance / count)
    return Estimate(value, max(0.0, value - half), value + half, count)
