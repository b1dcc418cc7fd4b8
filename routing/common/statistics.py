"""Statistics: shares and means with their 95 % intervals. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z_95 = 1.959963984540054
"""Standard deviations that 95 % of a normal distribution lie within."""


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


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share (E. B. Wilson, 1927), sound for few samples and shares near 0 or 1;
    from 0 to 1 without samples."""
    if whole <= 0:
        return 0.0, 1.0
    share, square = part / whole, Z_95 * Z_95
    middle = share + square / (2 * whole)
    half = Z_95 * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def share(hits: int, count: int) -> Estimate | None:
    """A share with Wilson's interval; ``None`` without samples."""
    return Estimate(hits / count, *wilson(hits, count), count) if count > 0 else None


def mean(total: float, squares: float, count: int) -> Estimate | None:
    """A mean, of a sum and a sum of squares, with the normal interval of its standard error; ``None``
    without samples. The interval of a single sample is open upwards: it says nothing of the spread."""
    if count <= 0:
        return None
    value = total / count
    if count == 1:
        return Estimate(value, 0.0, float("inf"), 1)
    variance = max(0.0, (squares - count * value * value) / (count - 1))
    half = Z_95 * sqrt(variance / count)
    return Estimate(value, max(0.0, value - half), value + half, count)
