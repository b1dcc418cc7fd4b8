"""What the weights are worth on questions they were not learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.reuse.evaluation import BUDGETS, Scored, stream_sweeps
from routing.reuse.measures import auc, recall_at
from routing.reuse.model import ReuseModel
from routing.reuse.training import Pairs, Stream, rarities, train, train_general

_PLACEHOLDER: Mapping[float, float] = {1.0: 0.95}


def held_out(streams: Sequence[Stream], pairs: Sequence[Pairs], seed: int) -> list[dict[str, Any]]:
    """Half of every stream's questions, by weights from the other half: new questions, known
    answers."""
    halves = [np.random.default_rng(seed).random(len(one.texts)) < 0.5 for one in streams]
    return _split(streams, halves, pairs, seed)


def unseen(streams: Sequence[Stream], pairs: Sequence[Pairs], seed: int) -> list[dict[str, Any]]:
    """Half of every stream's answers, with all their questions, by weights from the other half: new
    answers in a known field."""
    return _split(streams, [_answers(one, seed) for one in streams], pairs, seed)


def left_out(streams: Sequence[Stream], pairs: Sequence[Pairs]) -> list[dict[str, Any]]:
    """Every file by general weights from the others: a field never seen."""
    found = []
    for stream in streams:
        others = [one for one in streams if one is not stream]
        found.append(stream_figures(_general(others, pairs), stream))
    for one in pairs:
        others_ = [other for other in pairs if other is not one]
        found.append(pair_figures(_general(streams, others_), one))
    return found


def cuts_from(found: Sequence[Mapping[str, Any]]) -> dict[float, float]:
    """The strictest cut that any stream needed, by wrong reuses in a hundred requests."""
    if not found:
        return {1.0: 0.95, 2.0: 0.9}
    return {
        100 * budget: max(one["verified"][f"{budget:.2f}"]["cut"] for one in found)
        for budget in BUDGETS
    }


def stream_figures(model: ReuseModel, stream: Stream) -> dict[str, Any]:
    """Reuse at equal wrong reuses, of plain cosine and of this model."""
    plain, verified = stream_sweeps(stream, Scored(stream, model))
    return {
        "name": stream.name,
        "requests": len(stream.texts),
        "plain": plain,
        "verified": verified,
    }


def pair_figures(model: ReuseModel, pairs: Pairs) -> dict[str, Any]:
    """Areas and recalls at 90 % precision, of plain cosine and of this model."""
    same = pairs.labels > 0
    cosines = (pairs.left.astype(np.float64) * pairs.right).sum(axis=1)
    chances = np.array(
        [
            model.verdict(one, other, left, right).probability
            for (one, other), left, right in zip(pairs.texts, pairs.left, pairs.right, strict=True)
        ]
    )
    return {
        "name": pairs.name,
        "pairs": len(same),
        **{
            name: {"auc": auc(scores, same), "recall_at_0.90": recall_at(scores, same, 0.9)}
            for name, scores in (("plain", cosines), ("verified", chances))
        },
    }


def _split(
    streams: Sequence[Stream],
    chosen: Sequence[NDArray[np.bool_]],
    pairs: Sequence[Pairs],
    seed: int,
) -> list[dict[str, Any]]:
    if not streams:
        return []
    learned = [one.part(half) for one, half in zip(streams, chosen, strict=True)]
    model = train("", learned, pairs, seed, _PLACEHOLDER)
    return [
        stream_figures(model, one.part(~half)) for one, half in zip(streams, chosen, strict=True)
    ]


def _answers(stream: Stream, seed: int) -> NDArray[np.bool_]:
    names = sorted(set(stream.answers))
    chosen = np.random.default_rng(seed).random(len(names)) < 0.5
    known = {name for name, is_chosen in zip(names, chosen.tolist(), strict=True) if is_chosen}
    return np.array([answer in known for answer in stream.answers])


def _general(streams: Sequence[Stream], pairs: Sequence[Pairs]) -> ReuseModel:
    texts = [text for one in streams for text in one.texts]
    texts += [text for one in pairs for both in one.texts for text in both]
    rarity, unknown = rarities(texts)
    weights = train_general(streams, pairs, lambda stem: rarity.get(stem, unknown))
    return ReuseModel("", weights, (), rarity, unknown, _PLACEHOLDER)
