"""How well scores tell right from wrong. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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
