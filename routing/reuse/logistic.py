"""Logistic regression by Newton's method, drawn towards a prior and held to known signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS = 40
_SMALL = 1e-6


@dataclass(frozen=True, slots=True)
class Prior:
    """The belief without any label: a mean and a strength a coefficient, the intercept last.
    ``lowest`` and ``highest`` hold each to the side of zero where it makes sense."""

    mean: Floats
    strength: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def loose(cls, count: int, strength: float) -> Prior:
        """Every coefficient near zero, on either side."""
        free = np.full(count + 1, np.inf)
        strengths = np.full(count + 1, strength)
        strengths[-1] = _SMALL
        return cls(np.zeros(count + 1), strengths, -free, free)


def fit(rows: Floats, labels: Floats, weights: Floats, prior: Prior) -> Floats:
    """Coefficients, the intercept last, of the most likely model given labels and prior.

    ``rows`` is [samples, features], ``labels`` 0 or 1, ``weights`` how much each sample counts. A
    coefficient that would leave its bounds is put on the bound, and the others are fitted anew.
    """
    matrix = np.column_stack([rows, np.ones(len(rows))])
    coefficients = np.clip(prior.mean, prior.lowest, prior.highest)
    free = np.ones(len(coefficients), bool)
    for _ in range(_ROUNDS):
        step = _step(matrix, labels, weights, prior=prior, coefficients=coefficients, free=free)
        moved = np.clip(coefficients - step, prior.lowest, prior.highest)
        bound = (moved != coefficients - step) & free
        free &= ~bound
        if not bound.any() and np.abs(moved - coefficients).max() < _SMALL:
            return moved
        coefficients = moved
    return coefficients


def _step(
    matrix: Floats,
    labels: Floats,
    weights: Floats,
    *,
    prior: Prior,
    coefficients: Floats,
    free: NDArray[np.bool_],
) -> Floats:
    chance = logistic(matrix @ coefficients)
    slope = matrix.T @ (weights * (chance - labels)) + prior.strength * (coefficients - prior.mean)
    bend = (matrix * (weights * chance * (1 - chance))[:, None]).T @ matrix
    bend += np.diag(prior.strength + _SMALL)
    step = np.zeros_like(coefficients)
    step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope[free])
    # far from the optimum Newton overshoots
    return np.asarray(step * min(1.0, 5.0 / max(float(np.abs(step).max()), _SMALL)))


def logistic(value: Floats) -> Floats:
    """1 / (1 + e^-x), without an overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -40.0, 40.0))))
