"""From what people and audits said to the cut: an error budget instead of a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.common.statistics import wilson
from routing.reuse.logistic import Prior, fit

BELIEF = 100.0
"""How many labels it takes before they weigh as much as what was believed without any."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a scope's labels say of the model's probabilities: log-odds there are
    ``offset + slope * log-odds`` of the model. The order of candidates never changes, so that few
    labels cannot make the choice worse, only the cut a little stricter or looser."""

    offset: float = 0.0
    slope: float = 1.0
    labels: int = 0

    @classmethod
    def fitted(cls, probabilities: Sequence[float], right: Sequence[bool]) -> Calibration:
        """From served (or audited) pairs: the model's probability, and whether it was right."""
        if not len(probabilities):
            return cls()
        odds = np.array([[log_odds(one)] for one in probabilities])
        prior = Prior(
            mean=np.array([1.0, 0.0]),
            strength=np.array([BELIEF, BELIEF / 10]),
            lowest=np.array([0.2, -np.inf]),
            highest=np.array([5.0, np.inf]),
        )
        labels = np.asarray(right, np.float64)
        slope, offset = fit(odds, labels, np.ones(len(labels)), prior)
        return cls(float(offset), float(slope), len(labels))

    def probability(self, told: float) -> float:
        """The model's probability, as this scope's labels have it."""
        return 1 / (1 + math.exp(-self.offset - self.slope * log_odds(told)))


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), for probabilities kept away from 0 and 1."""
    held = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(held / (1 - held))


@dataclass(frozen=True, slots=True)
class Precision:
    """Of reuses whose outcome is known: the share that was right, with its 95 % interval."""

    known: int
    right: int

    @property
    def share(self) -> float | None:
        """``None`` where nothing is known."""
        return self.right / self.known if self.known else None

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest share that the known ones leave possible."""
        return wilson(self.right, self.known)
