"""Offline trial of decisions by vectors: a stream of labelled prompts, whose labels play the classifier.

As in the service, what the vectors decide leaves no verdict behind: only what the classifier was asked
about is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from routing.common.statistics import wilson
from routing.reuse.decision_model import (
    SIGNALS,
    DecisionEstimate,
    DecisionModel,
    PastVerdict,
    neighbourhood_signals,
)
from routing.reuse.lab.dataset import LabelledStream
from routing.reuse.lab.replay import EarlierQuestions, nearest_earlier
from routing.reuse.logistic import Prior, fit
from routing.reuse.model import NEAR, NEIGHBOURS

BUDGETS = (0.5, 1.0, 2.0, 5.0)
"""Different decisions in a hundred that cuts are measured for."""
CUTS = (0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
FEW_RULES = 8
"""Labels are also thrown together by chance into as many rules as an installation may have."""
UNANIMOUS = 8
"""Verdicts that must agree, without another rule near, where nothing was learned yet."""

_HOLD = 1.0
"""How strongly a weight is drawn to zero."""

Said = Sequence[tuple[float, str]]
"""The cosines and rules of the nearest verdicts."""
Decide = Callable[[DecisionEstimate, Said], bool]


@dataclass(frozen=True, slots=True)
class DecisionCounts:
    """Counts of the second half of a stream: ``decided`` by vectors, and of these ``different``."""

    prompts: int
    decided: int
    different: int

    @property
    def share(self) -> float:
        """The share of prompts that needed no classifier."""
        return self.decided / self.prompts if self.prompts else 0.0

    @property
    def different_share(self) -> float:
        """Of the decided ones, the share with another rule than the classifier's."""
        return self.different / self.decided if self.decided else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, at 95 %, of ``different_share``."""
        return wilson(self.different, self.decided)

    def __add__(self, other: DecisionCounts) -> DecisionCounts:
        return DecisionCounts(
            self.prompts + other.prompts,
            self.decided + other.decided,
            self.different + other.different,
        )


def shuffled(stream: LabelledStream, seed: int) -> LabelledStream:
    """The same prompts in a seeded order."""
    order = np.random.default_rng(seed).permutation(len(stream.texts)).tolist()
    return replace(
        stream,
        texts=[stream.texts[at] for at in order],
        answers=[stream.answers[at] for at in order],
        vectors=stream.vectors[order],
    )


def thrown_together(stream: LabelledStream, rules: int, seed: int) -> LabelledStream:
    """The same prompts, their labels thrown together into so many rules."""
    names = sorted(set(stream.answers))
    drawn = np.random.default_rng(seed).integers(rules, size=len(names)).tolist()
    rule_of = {name: f"rule {number}" for name, number in zip(names, drawn, strict=True)}
    return replace(stream, answers=[rule_of[label] for label in stream.answers])


def decision_trial(
    stream: LabelledStream, model: DecisionModel, cut: float, near: EarlierQuestions | None = None
) -> DecisionCounts:
    """Replay a stream; the second half is counted."""
    half = len(stream.texts) // 2
    decided = different = 0
    for at, estimate, _ in _walk(stream, model, lambda one, _: one.probability >= cut, near):
        if at >= half and estimate.probability >= cut:
            decided += 1
            different += estimate.rule != stream.answers[at]
    return DecisionCounts(len(stream.texts) - half, decided, different)


def train_decisions(streams: Sequence[LabelledStream]) -> dict[str, float]:
    """The weights of the signals, from streams in which unanimous neighbourhoods decide."""
    plain = DecisionModel("", dict.fromkeys(("intercept", *SIGNALS), 0.0), {})
    rows: list[list[float]] = []
    labels: list[bool] = []
    for stream in streams:
        for at, estimate, said in _walk(stream, plain, _unanimous, None):
            signals = neighbourhood_signals(said)[1]
            rows.append([signals[name] for name in SIGNALS])
            labels.append(estimate.rule == stream.answers[at])
    matrix = np.array(rows)
    middle, spread = matrix.mean(0), matrix.std(0) + 1e-9
    prior = Prior.loose(len(SIGNALS), _HOLD)
    scaled = fit((matrix - middle) / spread, np.array(labels, float), np.ones(len(labels)), prior)
    weights = scaled[:-1] / spread
    named = dict(zip(SIGNALS, weights.tolist(), strict=True))
    return named | {"intercept": float(scaled[-1] - weights @ middle)}


def both_ways(stream: LabelledStream, seeds: Iterable[int]) -> list[LabelledStream]:
    """The stream in the order of each seed, each of its labels a rule, and again with few rules."""
    ordered = [(shuffled(stream, seed), seed) for seed in seeds]
    few = [thrown_together(one, FEW_RULES, seed) for one, seed in ordered]
    return [*(one for one, _ in ordered), *few]


def held_out(
    streams: Sequence[LabelledStream], seeds: Sequence[int]
) -> dict[str, dict[float, DecisionCounts]]:
    """The trials of each stream, by weights that were learned from the others."""
    found = {}
    for stream in streams:
        others = [
            each for one in streams if one is not stream for each in both_ways(one, seeds[:1])
        ]
        model = DecisionModel("", train_decisions(others), {})
        found[stream.name] = sweep(both_ways(stream, seeds), model)
    return found


def sweep(streams: Iterable[LabelledStream], model: DecisionModel) -> dict[float, DecisionCounts]:
    """The sums of the trials of these streams, by cut."""
    sums = dict.fromkeys(CUTS, DecisionCounts(0, 0, 0))
    for stream in streams:
        near = nearest_earlier(stream.vectors)
        for cut in CUTS:
            sums[cut] += decision_trial(stream, model, cut, near)
    return sums


def cuts_within(trials: Mapping[float, DecisionCounts]) -> dict[float, float]:
    """By budget the lowest cut from which on the whole interval of different decisions lies within it. Where
    none differs, few decisions are no evidence against a cut."""
    found = {}
    for budget in BUDGETS:
        over = [
            cut for cut, one in trials.items() if one.different and 100 * one.interval[1] > budget
        ]
        found[budget] = min((cut for cut in CUTS if cut > max(over, default=0.0)), default=CUTS[-1])
    return found


def figures_of(trials: Mapping[float, DecisionCounts]) -> list[dict[str, Any]]:
    """A row a cut, JSON-ready."""
    return [
        {
            "cut": cut,
            "decided": round(one.share, 4),
            "different": round(one.different_share, 4),
            "interval": [round(bound, 4) for bound in one.interval],
        }
        for cut, one in trials.items()
    ]


def _unanimous(estimate: DecisionEstimate, said: Said) -> bool:
    return estimate.verdicts >= UNANIMOUS and estimate.verdicts == len(said)


def _walk(
    stream: LabelledStream, model: DecisionModel, decide: Decide, near: EarlierQuestions | None
) -> Iterable[tuple[int, DecisionEstimate, Said]]:
    """Each prompt with a neighbourhood: its place, its estimate, and what was said there. What ``decide``
    lets the vectors decide is not stored."""
    near = near or nearest_earlier(stream.vectors)
    stored = np.zeros(len(stream.texts), bool)
    for at in range(len(stream.texts)):
        places = near.places[at]
        there = (places >= 0) & stored[places] & (near.cosines[at] >= NEAR)
        cosines = near.cosines[at][there][:NEIGHBOURS].tolist()
        rules = [stream.answers[place] for place in places[there][:NEIGHBOURS].tolist()]
        stored[at] = True
        said = list(zip(cosines, rules, strict=True))
        estimate = model.estimate([PastVerdict(*each) for each in said])
        if estimate:
            stored[at] = not decide(estimate, said)
            yield at, estimate, said
