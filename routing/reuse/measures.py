"""How well scores tell right from wrong, with intervals. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CONFIDENT = 1.96
"""Standard deviations of a 95 % interval."""


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): sound for few samples and shares near 0 or 1."""
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, CONFIDENT**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = CONFIDENT * math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    half /= 1 + square / whole
    return max(0.0, middle - half), min(1.0, middle + half)


def auc(scores: Floats, right: Flags) -> float | None:
    """The chance that a right one scores higher than a wrong one; ties count half. ``None`` where
    there are not both."""
    positives = int(right.sum())
    negatives = len(right) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[place]
    above = ranks[right].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def recall_at(scores: Floats, right: Flags, precision: float) -> float:
    """The largest share of the right ones above a cut at which this share of all is right."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    precise = hits >= precision * np.arange(1, len(scores) + 1) - 1e-9
    usable = precise & _ends(scores[order])
    return float(hits[usable].max() / max(int(right.sum()), 1)) if usable.any() else 0.0


def best_f1(scores: Floats, right: Flags) -> tuple[float, float]:
    """The best F1 of any cut, and that cut."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    values = 2 * hits / (np.arange(1, len(scores) + 1) + max(int(right.sum()), 1))
    values = np.where(_ends(scores[order]), values, 0.0)
    at = int(values.argmax())
    return float(values[at]), float(scores[order][at])


def curve(scores: Floats, right: Flags) -> list[tuple[float, float]]:
    """Recall and precision of every hundredth cut."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    steps = np.unique(np.linspace(1, len(scores), min(100, len(scores))).astype(int))
    total = max(int(right.sum()), 1)
    return [(float(hits[at - 1] / total), float(hits[at - 1] / at)) for at in steps.tolist()]


def _ends(ordered: Floats) -> Flags:
    """Where a run of equal scores ends: a cut can't pass between them."""
    return np.append(ordered[1:] != ordered[:-1], True)
