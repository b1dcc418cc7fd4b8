"""What a share or a mean is, and how sure: 95 % intervals.

Pure: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from routing.common.intervals import Z_95, wilson


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


def share(hits: int, count: int) -> Estimate | None:
    """A share with Wilson's interval; ``None`` of nothing."""
    return Estimate(hits / count, *wilson(hits, count), count) if count > 0 else None


def mean(total: float, squares: float, count: int) -> Estimate | None:
    """A mean of what is summed up, with the normal interval of its standard error; ``None`` of nothing.
    A single observation tells nothing of the spread: its interval is open upwards."""
    if count <= 0:
        return None
    value = total / count
    if count == 1:
        return Estimate(value, 0.0, float("inf"), 1)
    variance = max(0.0, (squares - count * value * value) / (count - 1))
    half = Z_95 * sqrt(variance / count)
    return Estimate(value, max(0.0, value - half), value + half, count)
