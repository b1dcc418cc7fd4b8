"""How likely it is that one answer serves two questions: the learned weights, and what they say.

Two kinds of judgement are weighed. The general one holds anywhere: the cosine, drawn down by
conflicts. A territory's holds near the texts it was learned on: there a metric of its own and other
weights take over, the more the nearer both questions are. Vetoes stand above both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.reuse.metric import Metric
from routing.reuse.signals import compare, vetoes

Vectors = NDArray[np.floating]
Weights = Mapping[str, float]

WEIGHTS_FILE = Path(__file__).with_name("model.json")
NUMBERS_FILE = Path(__file__).with_name("model_numbers.json")

HINGES = (0.7, 0.8, 0.9)
TURNS = ("names", "names_one_sided", "negation_alone", "asked_alone", "numbers_one_sided")
"""Signals with which a territory may not be surer than the general weights are."""

VETOED = 6.0
"""How far a veto lowers the log-odds where pairs are only ranked; served it never is."""


@dataclass(frozen=True, slots=True)
class Territory:
    """Texts that weights were learned on. ``near`` is the cosine to a centre at which its judgement
    begins to count, ``within`` the one from which it counts alone."""

    name: str
    centres: NDArray[np.float64]
    near: float
    within: float
    metric: Metric
    weights: Weights

    def closeness(self, vectors: Vectors) -> NDArray[np.float64]:
        """How much of this territory each question is, in [0, 1]."""
        nearest = (vectors @ self.centres.T).max(axis=-1)
        return np.asarray(np.clip((nearest - self.near) / (self.within - self.near), 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of one pair. ``probability`` that one answer serves both; ``vetoes`` name what
    forbids it; ``territory`` whose weights counted most, empty for the general ones."""

    probability: float
    vetoes: tuple[str, ...]
    signals: Mapping[str, float]
    territory: str

    def as_json(self) -> dict[str, Any]:
        """For traces and the review desk: signals that are nought left out."""
        told = {name: round(value, 3) for name, value in self.signals.items() if value}
        return {
            "probability": round(self.probability, 4),
            "vetoes": list(self.vetoes),
            "territory": self.territory,
            "signals": told,
        }


@dataclass(frozen=True)
class ReuseModel:
    """The weights of one embedder. ``rarity`` is the weight of known stems, in nats; ``cuts`` the
    probability from which an answer is served, by wrong reuses in a hundred requests."""

    embedder: str
    general: Weights
    territories: tuple[Territory, ...]
    rarity: Mapping[str, float]
    unknown: float
    cuts: Mapping[float, float]

    @classmethod
    def load(cls, weights: Path = WEIGHTS_FILE, numbers: Path = NUMBERS_FILE) -> ReuseModel:
        """From the two files that ``train_reuse`` writes. Raises ``OSError`` and ``ValueError``."""
        return cls.from_json(
            json.loads(weights.read_text("utf-8")), json.loads(numbers.read_text("utf-8"))
        )

    @classmethod
    def from_json(cls, held: Mapping[str, Any], numbers: Mapping[str, Any]) -> ReuseModel:
        """From the contents of the two files."""
        return cls(
            embedder=held["embedder"],
            general=held["general"],
            territories=tuple(
                _territory(one, numbers["territories"][one["name"]]) for one in held["territories"]
            ),
            rarity=numbers["rarity"],
            unknown=held["unknown_rarity"],
            cuts={float(budget): cut for budget, cut in held["cuts"].items()},
        )

    @cached_property
    def anywhere(self) -> ReuseModel:
        """The general judgement alone: for vectors of another embedder, or none of the metrics."""
        return ReuseModel(self.embedder, self.general, (), self.rarity, self.unknown, self.cuts)

    def weight_of(self, stem: str) -> float:
        """How rare a stem is, in nats."""
        return self.rarity.get(stem, self.unknown)

    def cut(self, budget: float) -> float:
        """The probability from which to serve, for this many wrong reuses in a hundred requests:
        between the budgets that were measured in proportion, beyond them the nearest."""
        budgets = sorted(self.cuts)
        return float(np.interp(budget, budgets, [self.cuts[one] for one in budgets]))

    def verdict(
        self,
        one: str,
        other: str,
        vector: Sequence[float] | Vectors,
        held: Sequence[float] | Vectors,
    ) -> Verdict:
        """Whether the answer to ``other`` serves ``one``, given their unit vectors."""
        return self.verdicts(one, [other], np.asarray(vector), np.asarray(held)[None])[0]

    def verdicts(
        self, one: str, others: Sequence[str], vector: Vectors, held: Vectors
    ) -> list[Verdict]:
        """The same for several stored questions; ``held`` is [others, dimensions]."""
        cosines = np.clip(held @ vector, -1.0, 1.0)
        shares = [
            (place, float(place.closeness(vector)) * place.closeness(held))
            for place in self.territories
        ]
        learned = [place.metric.mapped(held) @ place.metric.mapped(vector) for place, _ in shares]
        return [
            self._verdict(
                compare(one, other, self.weight_of),
                float(cosines[at]),
                [
                    (place, float(share[at]), float(seen[at]))
                    for (place, share), seen in zip(shares, learned, strict=True)
                ],
            )
            for at, other in enumerate(others)
        ]

    def _verdict(
        self,
        signals: dict[str, float],
        cosine: float,
        places: Sequence[tuple[Territory, float, float]],
    ) -> Verdict:
        signals |= cosine_signals("cosine", cosine)
        odds = weighed(self.general, signals)
        place, share, learned = max(places, key=lambda p: p[1], default=(None, 0.0, 0.0))
        if place is not None and share > 0:
            signals |= cosine_signals("learned", learned) | {"closeness": share}
            local = weighed(place.weights, signals)
            # what turns a question elsewhere turns it here, however near it is
            doubtful = any(signals[name] for name in TURNS)
            odds += share * (min(local, odds) if doubtful else local) - share * odds
        forbidden = vetoes(signals)
        return Verdict(
            probability=1 / (1 + math.exp(-max(-40.0, odds - VETOED * bool(forbidden)))),
            vetoes=forbidden,
            signals=signals,
            territory=place.name if place is not None and share >= 0.5 else "",
        )


def cosine_signals(name: str, cosine: float) -> dict[str, float]:
    """A cosine and how far it is beyond each hinge, so that weights can bend."""
    return {name: cosine} | {f"{name}>{at}": max(cosine - at, 0.0) for at in HINGES}


def weighed(weights: Weights, signals: Mapping[str, float]) -> float:
    """The log-odds that the weights give these signals."""
    return weights["intercept"] + sum(
        weight * signals[name] for name, weight in weights.items() if name != "intercept"
    )


def _territory(held: Mapping[str, Any], numbers: Mapping[str, Any]) -> Territory:
    scale = numbers["scale"]
    arrays = {
        name: np.asarray(numbers[name], np.float64) / scale for name in ("centres", "down", "up")
    }
    return Territory(
        name=held["name"],
        centres=arrays["centres"],
        near=held["near"],
        within=held["within"],
        metric=Metric(arrays["down"], arrays["up"]),
        weights=held["weights"],
    )
