"""Training: the weights of pairs and of a neighbourhood, from labelled questions.

A stream's questions carry the answer that serves each; pairs carry a label. Everything is seeded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.reuse.lab.agreement import AGREEMENTS, Agreement, make_agreement
from routing.reuse.lab.dataset import Ints, LabelledPairs, LabelledStream
from routing.reuse.lab.replay import EarlierQuestions, nearest_earlier
from routing.reuse.logistic import Floats, Prior, fit
from routing.reuse.model import (
    DOUBTS,
    NEAR,
    NEIGHBOURHOOD_SIGNALS,
    NEIGHBOURS,
    Neighbourhood,
    ReuseCandidate,
    ReuseModel,
)
from routing.reuse.pair_features import Rarity, compare, vetoes
from routing.reuse.question_features import question_features

FARTHEST = 0.45
"""Cosine below which neighbours teach nothing: they would never be candidates."""
KNOWN = 1_500
"""Stems whose rarity is kept."""

CONFLICTS = (
    *("numbers", "codes", "names", "quoted", "opposite", "kind", "direction", "script"),
    *("negation_alone", "asked_alone", "template"),
)
_MAY_BE_ONE_SIDED = ("numbers", "codes", "names", "timebound")
ONE_SIDED = ("inserted", *(f"{name}_one_sided" for name in _MAY_BE_ONE_SIDED))
LOOSE = ("swapped", "order", "substituted")
PAIR_WEIGHT = {"stream": 500.0, "pair": 1.0}
"""How many labels a whole stream counts as in the pair weights, and a single pair."""

# Log-odds believed before any label is seen. A cosine of 0.77 is even odds; a conflict weighs as
# much as a tenth of cosine does, something that one question says and the other doesn't, half of it.
_SLOPE, _EVEN = 22.0, 17.0
_CONFLICT, _ONE_SIDED, _NEGATION = -2.0, -1.2, -0.2
_HOLD_SLOPE, _HOLD_CONFLICT, _HOLD_LOOSE = 10.0, 20.0, 50.0
_HOLD_NEIGHBOURHOOD, _HOLD_DOUBTS = 3.0, 2_000.0
_DOUBTS = 0.4

CACHE_SIZES = (500, 500, 1_000, 1_000, 2_500, 6_000)
"""Requests in each of the streams that fill a cache for the neighbourhood's weights."""
_BESIDE = 5
# Cosine from which a request with the same answer is served, and so not stored.
_EASY = 0.88
# Share of requests whose answer is taken out of the cache: nothing there may serve them.
_NOVEL = 0.25
_FARTHEST = 0.3
# Different answers looked at for each request.
_GROUPS = 2


@dataclass(frozen=True, slots=True)
class TrainingSamples:
    """Signals of pairs, label and weight of each."""

    signals: list[dict[str, float]]
    labels: Floats
    weights: Floats


def rarities(texts: Iterable[str]) -> tuple[dict[str, float], float]:
    """Weights of the commonest stems, in nats, and of any other."""
    seen: Counter[str] = Counter()
    count = 0
    for text in texts:
        count += 1
        seen.update(question_features(text).content)
    common = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:KNOWN]
    values = {
        stem: round(math.log(count / occurrences), 2)
        for stem, occurrences in common
        if occurrences > 2
    }
    return values, round(math.log(max(count, 2) / 2), 2)


def texts_of(streams: Sequence[LabelledStream], pairs: Sequence[LabelledPairs]) -> list[str]:
    """Every question of every file."""
    texts = [text for stream in streams for text in stream.texts]
    return texts + [text for one in pairs for both in one.texts for text in both]


def train_pair(
    streams: Sequence[LabelledStream], pairs: Sequence[LabelledPairs], rarity: Rarity
) -> dict[str, float]:
    """Weights that hold anywhere, near the prior."""
    parts = [_stream_samples(stream, rarity) for stream in streams]
    parts += [_pair_samples(one, rarity) for one in pairs]
    names = ["cosine", *CONFLICTS, *ONE_SIDED, "negation", *LOOSE]
    if not parts:
        return _named(names, _pair_prior(names).mean)
    return _fitted(names, _joined(parts), _pair_prior(names))


def train_neighbourhood(
    streams: Sequence[LabelledStream], pair: Mapping[str, float], rarity: Rarity, seed: int
) -> dict[str, float]:
    """Weights of a candidate's neighbourhood, from caches of every size that a stream fills, in which more
    or less is known of the answers. ``pair`` holds the weights of pairs, which say how much a doubt weighs.
    Without a stream there are none: pairs are judged alone."""
    comparing = lru_cache(maxsize=None)(partial(compare, rarity=rarity))
    parts = [
        _neighbourhood_samples(
            cases(part, near, make_agreement(part, known, seed), chance), pair, part, comparing
        )
        for stream in streams
        for chance in [np.random.default_rng(seed)]
        for chosen in _portions(len(stream.texts), chance)
        for part in [stream.part(chosen)]
        for near in [nearest_earlier(part.vectors)]
        for known in AGREEMENTS.values()
    ]
    if not parts:
        return {}
    return _fitted(NEIGHBOURHOOD_SIGNALS, _joined(parts), _neighbourhood_prior())


def _portions(count: int, chance: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    for size in CACHE_SIZES:
        portion = min(size, count)
        chosen = np.zeros(count, bool)
        chosen[chance.choice(count, portion, replace=False)] = True
        yield chosen


def train(
    embedder: str,
    streams: Sequence[LabelledStream],
    pairs: Sequence[LabelledPairs],
    seed: int,
    cuts: Mapping[float, float],
) -> ReuseModel:
    """All weights from all files."""
    rarity, unknown = rarities(texts_of(streams, pairs))

    def weight_of(stem: str) -> float:
        return rarity.get(stem, unknown)

    pair = train_pair(streams, pairs, weight_of)
    neighbourhood = train_neighbourhood(streams, pair, weight_of, seed)
    return ReuseModel(embedder, pair, neighbourhood, rarity, unknown, cuts)


def as_json(model: ReuseModel) -> dict[str, Any]:
    """The JSON that ``ReuseModel.from_json`` reads, beside the rarities."""
    return {
        "embedder": model.embedder,
        "cuts": _by_budget(model.cuts),
        "open_cuts": _by_budget(model.open_cuts),
        "lone_cuts": _by_budget(model.lone_cuts),
        "unknown_rarity": model.unknown,
        "pair": _rounded(model.pair),
        "company": _rounded(model.neighbourhood),
    }


def _by_budget(cuts: Mapping[float, float]) -> dict[str, float]:
    return {f"{budget:g}": round(cut, 4) for budget, cut in sorted(cuts.items())}


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: round(weight, 3) for name, weight in weights.items()}


def _neighbourhood_samples(
    played: Iterable[CacheCase],
    pair: Mapping[str, float],
    stream: LabelledStream,
    comparing: Callable[[str, str], dict[str, float]],
) -> TrainingSamples:
    """Samples from a filling cache; vetoed pairs teach nothing and are left out."""
    signals, labels, weights = [], [], []
    for case in played:
        pair_signals = dict(comparing(stream.texts[case.request], stream.texts[case.stored]))
        if vetoes(pair_signals):
            continue
        pair_signals |= case.neighbourhood.signals(case.at) | {
            "cosine": case.neighbourhood.cosines[case.at]
        }
        pair_signals["doubts"] = sum(pair[name] * pair_signals[name] for name in DOUBTS)
        signals.append(pair_signals)
        labels.append(float(case.right))
        weights.append(case.neighbourhood.known)
    return TrainingSamples(signals, np.array(labels), np.array(weights))


def _stream_samples(stream: LabelledStream, rarity: Rarity) -> TrainingSamples:
    """Every question beside its nearest earlier ones."""
    near = nearest_earlier(stream.vectors, _BESIDE)
    request, column = np.nonzero((near.places >= 0) & (near.cosines >= FARTHEST))
    earlier = near.places[request, column]
    answers = np.asarray(stream.answers)
    signals = [
        compare(stream.texts[one], stream.texts[other], rarity) | {"cosine": float(cosine)}
        for one, other, cosine in zip(
            request.tolist(), earlier.tolist(), near.cosines[request, column], strict=True
        )
    ]
    count = max(len(signals), 1)
    labels = (answers[request] == answers[earlier]).astype(np.float64)
    return TrainingSamples(signals, labels, np.full(len(signals), PAIR_WEIGHT["stream"] / count))


def _pair_samples(pairs: LabelledPairs, rarity: Rarity) -> TrainingSamples:
    cosines = (pairs.left * pairs.right).sum(axis=1)
    signals = [
        compare(one, other, rarity) | {"cosine": float(cosine)}
        for (one, other), cosine in zip(pairs.texts, cosines, strict=True)
    ]
    return TrainingSamples(signals, pairs.labels, np.full(len(signals), PAIR_WEIGHT["pair"]))


def _joined(parts: Sequence[TrainingSamples]) -> TrainingSamples:
    return TrainingSamples(
        [signals for part in parts for signals in part.signals],
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def _fitted(names: Sequence[str], samples: TrainingSamples, prior: Prior) -> dict[str, float]:
    rows = np.array([[signals[name] for name in names] for signals in samples.signals])
    return _named(names, fit(rows, samples.labels, samples.weights, prior))


def _named(names: Sequence[str], values: Floats) -> dict[str, float]:
    return dict(zip([*names, "intercept"], map(float, values), strict=True))


def _pair_prior(names: Sequence[str]) -> Prior:
    believed = [_belief(name) for name in names]
    mean, strength, lowest, highest = zip(*believed, strict=True)
    return Prior(
        np.array([*mean, -_EVEN]),
        np.array([*strength, 1e-6]),
        np.array([*lowest, -np.inf]),
        np.array([*highest, np.inf]),
    )


def _belief(name: str) -> tuple[float, float, float, float]:
    # Mean, strength and bounds of a general weight: a conflict never speaks for reuse.
    if name == "cosine":
        return _SLOPE, _HOLD_SLOPE, 0.0, np.inf
    if name in CONFLICTS:
        return _CONFLICT, _HOLD_CONFLICT, -np.inf, 0.0
    if name in ONE_SIDED:
        return _ONE_SIDED, _HOLD_CONFLICT, -np.inf, 0.0
    if name == "negation":
        return _NEGATION, _HOLD_CONFLICT, -np.inf, 0.0
    return 0.0, _HOLD_LOOSE, -np.inf, np.inf


def _neighbourhood_prior() -> Prior:
    # Loose, but for the doubts: streams hold few traps.
    loose = Prior.loose(len(NEIGHBOURHOOD_SIGNALS), _HOLD_NEIGHBOURHOOD)
    at = NEIGHBOURHOOD_SIGNALS.index("doubts")
    loose.mean[at], loose.strength[at] = _DOUBTS, _HOLD_DOUBTS
    return loose


@dataclass(frozen=True, slots=True)
class CacheCase:
    """A request, one stored question, the neighbourhood it is in and its place there."""

    request: int
    stored: int
    neighbourhood: Neighbourhood
    at: int
    right: bool


def cases(
    stream: LabelledStream,
    near: EarlierQuestions,
    agreement: Agreement,
    chance: np.random.Generator,
) -> Iterator[CacheCase]:
    """Play the requests in their order through a cache that is empty at first."""
    answers = stream.numbers
    stored = np.zeros(len(answers), bool)
    for request in range(len(answers)):
        places, cosines = near.places[request], near.cosines[request]
        available = (places >= 0) & stored[places] & (cosines > _FARTHEST)
        there = np.flatnonzero(available)[:NEIGHBOURS]
        if chance.random() < _NOVEL:
            available &= answers[places] != answers[request]
        columns = np.flatnonzero(available)[:NEIGHBOURS]
        candidates = [
            agreement.candidate(place, float(cosine))
            for place, cosine in zip(places[columns].tolist(), cosines[columns], strict=True)
        ]
        yield from _beside(request, places[columns], candidates, answers)
        first = columns[:1]
        served = first.size and cosines[first[0]] >= _EASY
        stored[request] = not (served and answers[places[first[0]]] == answers[request])
        if stored[request]:
            agreement.store(request, places[there].astype(np.int64), cosines[there])


def _beside(
    request: int, places: NDArray[np.int32], candidates: Sequence[ReuseCandidate], answers: Ints
) -> Iterator[CacheCase]:
    neighbourhood = Neighbourhood.of(candidates)
    heads = list({one.says: at for at, one in reversed(list(enumerate(candidates)))}.values())
    for at in sorted(heads)[:_GROUPS]:
        if neighbourhood.known and candidates[at].cosine >= NEAR:
            place = int(places[at])
            yield CacheCase(
                request, place, neighbourhood, at, bool(answers[place] == answers[request])
            )
