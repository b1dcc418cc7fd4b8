"""Validation: the figures of weights on questions that were left out of their training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.common.statistics import wilson
from routing.reuse.lab.dataset import LabelledPairs, LabelledStream
from routing.reuse.lab.evaluation import (
    CURVE,
    SERVED_BUDGETS,
    auc,
    recall_at,
    stream_sweep,
    strict_cut,
)
from routing.reuse.lab.training import rarities, texts_of, train, train_pair
from routing.reuse.model import ReuseEstimate, ReuseModel

MEASURED = 2_000
"""Requests of a stream that are replayed: some thirty times for each state of knowledge."""

_PLACEHOLDER: Mapping[float, float] = {1.0: 0.95}


def unseen(
    streams: Sequence[LabelledStream], pairs: Sequence[LabelledPairs], seed: int
) -> list[dict[str, Any]]:
    """Half of every stream's answers, with all their questions, by weights from the other halves: new
    answers in a known field."""
    if not streams:
        return []
    halves = [_answers(one, seed) for one in streams]
    learned = [one.part(half) for one, half in zip(streams, halves, strict=True)]
    model = train("", learned, pairs, seed, _PLACEHOLDER)
    return [
        stream_figures(model, one.part(~half), seed)
        for one, half in zip(streams, halves, strict=True)
    ]


def left_out(
    streams: Sequence[LabelledStream], pairs: Sequence[LabelledPairs], seed: int
) -> list[dict[str, Any]]:
    """Every file by weights from the others: a field never seen."""
    figures = []
    for stream in streams:
        others = [one for one in streams if one is not stream]
        figures.append(stream_figures(train("", others, pairs, seed, _PLACEHOLDER), stream, seed))
    for one in pairs:
        others_ = [other for other in pairs if other is not one]
        figures.append(pair_figures(_pairs_only(streams, others_), one))
    return figures


def _pairs_only(streams: Sequence[LabelledStream], pairs: Sequence[LabelledPairs]) -> ReuseModel:
    """LabelledPairs are judged without neighbourhood."""
    rarity, unknown = rarities(texts_of(streams, pairs))
    weights = train_pair(streams, pairs, lambda stem: rarity.get(stem, unknown))
    return ReuseModel("", weights, {}, rarity, unknown, _PLACEHOLDER)


def cuts_from(figures: Sequence[dict[str, Any]], curve: str = CURVE) -> dict[float, float]:
    """The cuts that streams never seen needed together, over states of knowledge of their answers, by
    wrong ones in a hundred reuses. Takes the curves of that name out of the figures."""
    curves = [point for one in figures for point in one.pop(curve, [])]
    if not curves:
        return {1.0: 0.95, 2.0: 0.9}
    return {budget: strict_cut(curves, budget / 100) for budget in SERVED_BUDGETS}


def lone_cuts(
    streams: Sequence[LabelledStream], pairs: Sequence[LabelledPairs], seed: int
) -> dict[float, float]:
    """The cuts for a candidate without neighbours: the lowest probability from which on the precision of pairs that
    are judged alone agrees with the budget. Each half of a file is judged by weights from all the rest."""
    judged: list[tuple[float, bool]] = []
    for one in pairs:
        half = np.random.default_rng(seed).random(len(one.texts)) < 0.5
        others = [other for other in pairs if other is not one]
        for left_out in (half, ~half):
            model = _pairs_only(streams, [*others, one.part(~left_out)])
            judged += _as_served(model, one.part(left_out))
    if not judged:
        return {}
    ranked = sorted(judged, reverse=True)
    return {budget: _lowest_within(ranked, budget / 100) for budget in SERVED_BUDGETS}


def _as_served(model: ReuseModel, pairs: LabelledPairs) -> list[tuple[float, bool]]:
    """Probability and label of each; none for what a veto or a doubt keeps back."""
    estimates = _estimates(model, pairs, _cosines(pairs))
    return [
        (estimate.probability, bool(label))
        for estimate, label in zip(estimates, pairs.labels.tolist(), strict=True)
        if not estimate.vetoes and not estimate.uncertain
    ]


def _cosines(pairs: LabelledPairs) -> NDArray[np.float64]:
    return np.asarray((pairs.left.astype(np.float64) * pairs.right).sum(axis=1))


def _estimates(
    model: ReuseModel, pairs: LabelledPairs, cosines: NDArray[np.float64]
) -> list[ReuseEstimate]:
    """Of each pair by itself."""
    return [
        model.estimate(one, other, cosine)
        for (one, other), cosine in zip(pairs.texts, cosines.tolist(), strict=True)
    ]


def _lowest_within(ranked: Sequence[tuple[float, bool]], wrong: float) -> float:
    """Of probabilities from the highest on: the last at which this share of wrong ones lies in the 95 % interval
    of those so far, or above it; 1 without one."""
    cut, rights = 1.0, 0
    for count, (probability, right) in enumerate(ranked, 1):
        rights += right
        if wilson(rights, count)[1] >= 1 - wrong:
            cut = probability
    return cut


def stream_figures(model: ReuseModel, stream: LabelledStream, seed: int) -> dict[str, Any]:
    """Reuse at equal wrong reuses, of plain cosine and of this model, on the first requests."""
    measured = stream.part(np.arange(len(stream.texts)) < MEASURED)
    return {
        "name": stream.name,
        "requests": len(measured.texts),
        **stream_sweep(measured, model, seed),
    }


def pair_figures(model: ReuseModel, pairs: LabelledPairs) -> dict[str, Any]:
    """Areas and recalls at 90 % precision, of plain cosine and of this model."""
    same = pairs.labels > 0
    cosines = _cosines(pairs)
    chances = np.array([one.probability for one in _estimates(model, pairs, cosines)])
    return {
        "name": pairs.name,
        "pairs": len(same),
        **{
            name: {"auc": auc(scores, same), "recall_at_0.90": recall_at(scores, same, 0.9)}
            for name, scores in (("plain", cosines), ("verified", chances))
        },
    }


def _answers(stream: LabelledStream, seed: int) -> NDArray[np.bool_]:
    names = sorted(set(stream.answers))
    chosen = np.random.default_rng(seed).random(len(names)) < 0.5
    known = {name for name, is_chosen in zip(names, chosen.tolist(), strict=True) if is_chosen}
    return np.array([answer in known for answer in stream.answers])
