"""How likely it is that one answer serves two questions: the learned weights, and what they say.

A stored question is judged by itself (the cosine, drawn down by what one says and the other does
not) and in its company: where the cache knows the neighbourhood, it counts whether the nearest
questions have one answer or several. Vetoes stand above both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routing.reuse.features import Rarity, compare, vetoes
from routing.reuse.neighbours import Company

Weights = Mapping[str, float]
Compare = Callable[[str, str, Rarity], dict[str, float]]

WEIGHTS_FILE = Path(__file__).with_name("model.json")
RARITY_FILE = Path(__file__).with_name("rarity.json")

DOUBTS = (
    "names",
    "names_one_sided",
    "negation_alone",
    "asked_alone",
    "numbers_one_sided",
    "codes_one_sided",
    "timebound_one_sided",
    "template",
    "inserted",
)
"""What one question says and the other does not: it counts in any company."""

COMPARED = 5
"""Candidates whose words are read: the nearest ones."""
LONE = 1.0
"""How far the log-odds are lowered where nothing is known of the neighbourhood: of stored questions
judged by themselves more were wrong on streams than their probability said."""
VETOED = 6.0
"""How far a veto lowers the log-odds where pairs are only ranked; served it never is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored question, its cosine to the one asked, and a name for what its answer says: equal
    for answers that say the same."""

    question: str
    cosine: float
    says: Hashable


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of one candidate. ``probability`` that its answer serves the question too;
    ``vetoes`` name what forbids it."""

    probability: float
    vetoes: tuple[str, ...]
    signals: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """For traces and the review desk: signals that are nought left out."""
        return {
            "probability": round(self.probability, 4),
            "vetoes": list(self.vetoes),
            "signals": {name: round(value, 3) for name, value in self.signals.items() if value},
        }


@dataclass(frozen=True)
class ReuseModel:
    """The weights of one embedder: of a ``pair`` by itself, and of its ``company``. ``rarity`` is the
    weight of known stems, in nats; ``cuts`` the probability from which an answer is served, by wrong
    ones accepted in a hundred reuses."""

    embedder: str
    pair: Weights
    company: Weights
    rarity: Mapping[str, float]
    unknown: float
    cuts: Mapping[float, float]

    @classmethod
    def load(cls, weights: Path = WEIGHTS_FILE, rarity: Path = RARITY_FILE) -> ReuseModel:
        """From the two files that ``train_reuse`` writes. Raises ``OSError`` and ``ValueError``."""
        held = json.loads(weights.read_text("utf-8"))
        return cls.from_json(held, json.loads(rarity.read_text("utf-8")))

    @classmethod
    def from_json(cls, held: Mapping[str, Any], rarity: Mapping[str, float]) -> ReuseModel:
        """From the contents of the two files."""
        return cls(
            embedder=held["embedder"],
            pair=held["pair"],
            company=held["company"],
            rarity=rarity,
            unknown=held["unknown_rarity"],
            cuts={float(budget): cut for budget, cut in held["cuts"].items()},
        )

    def weight_of(self, stem: str) -> float:
        """How rare a stem is, in nats."""
        return self.rarity.get(stem, self.unknown)

    def cut(self, budget: float) -> float:
        """The probability from which to serve, for this many wrong ones in a hundred reuses: between
        the budgets that were measured in proportion, beyond them the nearest."""
        budgets = sorted(self.cuts)
        return float(np.interp(budget, budgets, [self.cuts[one] for one in budgets]))

    def verdict(self, one: str, other: str, cosine: float) -> Verdict:
        """Whether the answer to ``other`` serves ``one``, when nothing else is known."""
        return self.verdicts(one, [Candidate(other, cosine, 0)])[0]

    def verdicts(
        self, question: str, candidates: Sequence[Candidate], comparing: Compare = compare
    ) -> list[Verdict]:
        """The same for stored questions, the nearest first; of many only the nearest are judged."""
        company = Company.of(candidates)
        return [
            self._verdict(comparing(question, one.question, self.weight_of), at, company)
            for at, one in enumerate(candidates[:COMPARED])
        ]

    def _verdict(self, signals: dict[str, float], at: int, company: Company) -> Verdict:
        signals["cosine"] = company.cosines[at]
        odds, known = weighed(self.pair, signals), company.known if self.company else 0.0
        odds -= LONE
        if known:
            signals |= company.signals(at) | {"doubts": self.doubts(signals), "known": known}
            odds += known * (weighed(self.company, signals) - odds)
        forbidden = vetoes(signals)
        odds -= VETOED * bool(forbidden)
        return Verdict(1 / (1 + math.exp(-max(-40.0, odds))), forbidden, signals)

    def doubts(self, signals: Mapping[str, float]) -> float:
        """What the pair's weights say of the doubts alone, in log-odds."""
        return sum(self.pair[name] * signals[name] for name in DOUBTS)


def weighed(weights: Weights, signals: Mapping[str, float]) -> float:
    """The log-odds that the weights give these signals."""
    odds = weights["intercept"]
    for name, weight in weights.items():
        if name != "intercept":
            odds += weight * signals[name]
    return odds
