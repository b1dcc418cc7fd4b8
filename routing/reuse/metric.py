"""A learned way of comparing vectors: which directions of an embedding tell answers apart.

Supervised contrastive learning (Khosla et al., arXiv 2004.11362) of one linear map, held near the
identity and cut to a low rank, so that what it learned on some texts stays small and can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

STEPS = 400
BATCH = 384
RATE = 2e-3
TEMPERATURE = 0.07
HOLD = 5e-4
"""Strength of the pull towards the identity."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The map ``x + (x @ down) @ up``; ``down`` is [dimensions, rank], ``up`` [rank, dimensions]."""

    down: Matrix
    up: Matrix

    def mapped(self, vectors: NDArray[np.floating]) -> Matrix:
        """Unit vectors, [rows, dimensions], as this metric sees them."""
        seen = vectors + (vectors @ self.down) @ self.up
        return np.asarray(seen / np.linalg.norm(seen, axis=-1, keepdims=True))


def learn(vectors: Matrix, answers: Sequence[str], *, rank: int, seed: int) -> Metric:
    """From unit vectors of questions and the answer that serves each."""
    _, labels = np.unique(np.asarray(answers), return_inverse=True)
    size = vectors.shape[1]
    chance = np.random.default_rng(seed)
    found, fast, slow = np.eye(size), np.zeros((size, size)), np.zeros((size, size))
    for step in range(1, STEPS + 1):
        chosen = chance.choice(len(labels), min(BATCH, len(labels)), replace=False)
        slope = _slope(vectors[chosen], labels[chosen], found) + HOLD * (found - np.eye(size))
        fast = 0.9 * fast + 0.1 * slope
        slow = 0.99 * slow + 0.01 * slope**2
        pace = RATE * (1 - 0.9 * step / STEPS)
        found -= pace * (fast / (1 - 0.9**step)) / (np.sqrt(slow / (1 - 0.99**step)) + 1e-8)
    left, sizes, right = np.linalg.svd(found - np.eye(size))
    return Metric(left[:, :rank] * sizes[:rank], right[:rank])


def _slope(batch: Matrix, labels: NDArray[np.int64], found: Matrix) -> Matrix:
    """The loss's slope: each text is to be nearer to those with its answer than to the others."""
    image = batch @ found
    length = np.linalg.norm(image, axis=1, keepdims=True)
    unit = image / length
    scores = unit @ unit.T / TEMPERATURE
    np.fill_diagonal(scores, -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    same = (labels[:, None] == labels[None]) & ~np.eye(len(labels), dtype=bool)
    wanted = np.where(same, shares, 0.0)
    wanted /= np.maximum(wanted.sum(axis=1, keepdims=True), 1e-12)
    paired = same.any(axis=1, keepdims=True)
    pull = (shares - wanted) * paired / max(int(paired.sum()), 1) / TEMPERATURE
    towards = (pull + pull.T) @ unit
    across = towards - unit * (towards * unit).sum(axis=1, keepdims=True)
    return np.asarray(batch.T @ (across / length))


def centres(vectors: Matrix, count: int, seed: int) -> Matrix:
    """Unit vectors in the midst of the texts' clusters (k-means on the sphere)."""
    chance = np.random.default_rng(seed)
    found = vectors[chance.choice(len(vectors), min(count, len(vectors)), replace=False)]
    for _ in range(12):
        nearest = (vectors @ found.T).argmax(axis=1)
        means = [vectors[nearest == at].sum(axis=0) for at in range(len(found))]
        found = np.array([m if m.any() else found[at] for at, m in enumerate(means)])
        found = found / np.linalg.norm(found, axis=1, keepdims=True)
    return found
