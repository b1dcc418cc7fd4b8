"""What slices amount to: percentiles, medians of the rounds, and ratios within a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.throughput.slices import Slice

Figure = Callable[[Slice], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """At least one value."""
        return cls(median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank; ``nan`` of nothing."""
    if not values:
        return float("nan")
    ranked = sorted(values)
    return ranked[max(0, min(len(ranked) - 1, round(len(ranked) * share / 100 + 0.5) - 1))]


def spread(slices: Sequence[Slice], figure: Figure) -> Spread:
    """Of a figure over the rounds."""
    return Spread.of([figure(one) for one in slices])


def ratio(slices: Sequence[Slice], to: Sequence[Slice], figure: Figure) -> Spread:
    """Of a figure to another party's in the same round."""
    pairs = zip(slices, to, strict=True)
    return Spread.of([_divided(figure(one), figure(other)) for one, other in pairs])


def added(slices: Sequence[Slice], to: Sequence[Slice], figure: Figure) -> Spread:
    """How much more than another party's in the same round."""
    pairs = zip(slices, to, strict=True)
    return Spread.of([figure(one) - figure(other) for one, other in pairs])


def added_ratio(
    slices: Sequence[Slice], to: Sequence[Slice], over: Sequence[Slice], figure: Figure
) -> Spread:
    """What it adds ``over`` a third party's figure, to what the other adds, in the same round."""
    rounds = zip(slices, to, over, strict=True)
    return Spread.of(
        [
            _divided(figure(one) - figure(base), figure(other) - figure(base))
            for one, other, base in rounds
        ]
    )


def first_p50(one: Slice) -> float:
    """Of the first token, in ms."""
    return percentile(one.result.first, 50)


def first_p99(one: Slice) -> float:
    """Of the first token, in ms."""
    return percentile(one.result.first, 99)


def cpu_us(one: Slice) -> float:
    """Of an answer, all parts together."""
    return one.cpu_us()


def pooled(slices: Sequence[Slice], which: str) -> list[float]:
    """All rounds' ``first`` or ``total`` times together."""
    return [value for one in slices for value in getattr(one.result, which)]


def _divided(one: float, other: float) -> float:
    return one / other if other else float("nan")
