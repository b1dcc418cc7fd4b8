"""Decision model: whether earlier verdicts of the classifier on similar questions decide a new one.

The probability is that the classifier would name the same rule, by learned weights of the neighbourhood
that reuse is judged by too (``routing.reuse.model``): an answer there is a rule here. Audits calibrate it,
and the cut on it follows from an error budget.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from routing.domain.rules import StaysTrue
from routing.reuse.logistic import logistic
from routing.reuse.model import (
    ENOUGH,
    NEAR,
    Calibration,
    Neighbourhood,
    Precision,
    ReuseCandidate,
    Weights,
    cut_for,
    weighed,
)

DECISION_WEIGHTS_FILE = Path(__file__).with_name("decisions.json")

SIGNALS = ("cosine", "mean_cosine", "rival", "agreeing", "mass", "unrivalled")
"""Of the likeliest rule: the cosine of its nearest verdict, the mean over all of its verdicts, the cosine of
the nearest verdict for another rule, the logarithm of how many agree, their share by nearness, and whether
there is no other rule."""

EARNED_BY = 100
"""Audited decisions, sure ones, under the same rules before the first one counts."""

_LIVES = tuple(StaysTrue)
"""From the longest to the shortest."""


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """One verdict of the classifier, and the cosine of its question to the new one. ``refuses``: its rule
    declines prompts."""

    cosine: float
    rule: str
    refuses: bool = False
    self_contained: bool = True
    impersonal: bool = False
    stays_true: StaysTrue = StaysTrue.MONTHS


@dataclass(frozen=True, slots=True)
class DecisionEstimate:
    """The rule that the nearest verdicts speak for, with the ``probability`` that the classifier would name
    it, and the number of ``verdicts`` for it. The facts are the most careful ones among all neighbours.
    ``doubt`` is the reason why the classifier must be asked whatever the probability; empty without one.
    """

    rule: str
    probability: float
    verdicts: int
    impersonal: bool
    stays_true: StaysTrue
    doubt: str = ""


@dataclass(frozen=True)
class DecisionModel:
    """The weights for one embedder; ``cuts`` are the probabilities from which to decide, by decisions in
    a hundred that may differ from the classifier's."""

    embedder: str
    weights: Weights
    cuts: Mapping[float, float]

    @classmethod
    def load(cls, path: Path = DECISION_WEIGHTS_FILE) -> DecisionModel:
        """From the file that ``train_decisions`` writes. Raises ``OSError`` and ``ValueError``."""
        return cls.from_json(json.loads(path.read_text("utf-8")))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> DecisionModel:
        """From the contents of the file."""
        cuts = {float(budget): cut for budget, cut in stored["cuts"].items()}
        return cls(stored["embedder"], stored["weights"], cuts)

    def estimate(self, verdicts: Sequence[PastVerdict]) -> DecisionEstimate | None:
        """What these verdicts, the nearest first, say of the question; ``None`` without a neighbourhood:
        fewer than ``ENOUGH`` verdicts for one rule at a cosine of ``NEAR`` and more."""
        # A refusing verdict counts as a warning from farther away than any verdict counts as evidence.
        refusing = any(one.refuses for one in verdicts)
        near = [one for one in verdicts if one.cosine >= NEAR]
        if len(near) < ENOUGH:
            return None
        rule, signals = neighbourhood_signals([(one.cosine, one.rule) for one in near])
        agreeing = [one for one in near if one.rule == rule]
        if len(agreeing) < ENOUGH:
            return None
        odds = np.array([weighed(self.weights, signals)])
        dependent = not all(one.self_contained for one in near)
        return DecisionEstimate(
            rule,
            probability=float(logistic(odds)[0]),
            verdicts=len(agreeing),
            impersonal=all(one.impersonal for one in near),
            stays_true=max((one.stays_true for one in near), key=_LIVES.index),
            doubt="near a refusal" if refusing else "may need its conversation" * dependent,
        )

    def cut(self, budget: float) -> float:
        """The probability from which to decide, for this many different decisions in a hundred."""
        return cut_for(self.cuts, budget)


def neighbourhood_signals(verdicts: Sequence[tuple[float, str]]) -> tuple[str, dict[str, float]]:
    """The rule with the largest share by nearness among (cosine, rule) pairs, the nearest first, and its
    ``SIGNALS``."""
    around = Neighbourhood.of([ReuseCandidate("", cosine, rule) for cosine, rule in verdicts])
    rules = [said for _, said in verdicts]
    shares = dict.fromkeys(rules, 0.0)
    for said, near in zip(rules, around.nearness, strict=True):
        shares[said] += near
    rule = max(shares, key=shares.__getitem__)
    signals = around.signals(rules.index(rule))
    cosines = [cosine for cosine, said in zip(around.cosines, rules, strict=True) if said == rule]
    signals |= {"cosine": cosines[0], "mean_cosine": sum(cosines) / len(cosines)}
    return rule, {name: signals[name] for name in SIGNALS}


@dataclass(frozen=True, slots=True)
class DecisionState:
    """What audits taught: the ``calibration`` of probabilities, and the precision of sure decisions by the
    digest of the rules that they were made under."""

    calibration: Calibration = field(default_factory=Calibration)
    audits: Mapping[str, Precision] = field(default_factory=dict)

    def earned(self, offer: str, budget: float) -> bool:
        """Whether earlier verdicts may decide under these rules: enough decisions that they were sure of
        were audited, and no more of them differed than the budget (in a hundred) lets."""
        audited = self.audits.get(offer, Precision(0, 0))
        return audited.known >= EARNED_BY and 100 * (audited.known - audited.right) <= (
            budget * audited.known
        )
