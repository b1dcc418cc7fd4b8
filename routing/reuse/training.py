"""Learning the weights from labelled questions: general ones, and one territory a stream.

A stream's questions carry the answer that serves each; pairs carry a label. Everything is seeded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.reuse.logistic import Floats, Prior, fit
from routing.reuse.metric import Metric, centres, learn
from routing.reuse.model import ReuseModel, Territory, cosine_signals
from routing.reuse.reading import read
from routing.reuse.signals import Rarity, compare
from routing.reuse.streams import CANDIDATES, kin

RANK = 48
CENTRES = 64
NEAR, WITHIN = 0.05, 0.20
"""Quantiles of a territory's own questions, by closeness, at which its weights begin to count and
count alone."""
FARTHEST = 0.45
"""Cosine below which neighbours teach nothing: they would never be candidates."""
KNOWN = 1_500
"""Stems whose rarity is kept."""

CONFLICTS = (
    "numbers",
    "codes",
    "names",
    "quoted",
    "opposite",
    "kind",
    "direction",
    "script",
    "negation_alone",
    "asked_alone",
)
ONE_SIDED = ("numbers_one_sided", "codes_one_sided", "names_one_sided", "timebound_one_sided")
LOOSE = ("swapped", "order", "substituted")
GENERAL_WEIGHT = {"stream": 500.0, "pair": 1.0}
"""How many labels a whole stream counts as in the general weights, and a single pair."""

# Log-odds believed before any label is seen. A cosine of 0.77 is even odds; a conflict weighs as
# much as a tenth of cosine does, something that one question says and the other doesn't, half of it.
_SLOPE, _EVEN = 22.0, 17.0
_CONFLICT, _ONE_SIDED, _NEGATION = -2.0, -1.2, -0.2
_HOLD_SLOPE, _HOLD_CONFLICT, _HOLD_LOOSE = 10.0, 20.0, 50.0
_HOLD_TERRITORY = 3.0


@dataclass(frozen=True, slots=True)
class Stream:
    """Questions in an order, the answer that serves each, and their unit vectors."""

    name: str
    texts: Sequence[str]
    answers: Sequence[str]
    vectors: NDArray[np.float32]

    def part(self, chosen: NDArray[np.bool_]) -> Stream:
        """The questions chosen, in their order."""
        at = np.flatnonzero(chosen).tolist()
        return Stream(
            self.name, [self.texts[i] for i in at], [self.answers[i] for i in at], self.vectors[at]
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of questions, whether one answer serves both, and their unit vectors."""

    name: str
    texts: Sequence[tuple[str, str]]
    labels: Floats
    left: NDArray[np.float32]
    right: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Samples:
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
        seen.update(read(text).content)
    common = sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:KNOWN]
    found = {stem: round(math.log(count / held), 2) for stem, held in common if held > 2}
    return found, round(math.log(max(count, 2) / 2), 2)


def train_general(
    streams: Sequence[Stream], pairs: Sequence[Pairs], rarity: Rarity
) -> dict[str, float]:
    """Weights that hold anywhere, near the prior."""
    parts = [_stream_samples(stream, rarity) for stream in streams]
    parts += [_pair_samples(one, rarity) for one in pairs]
    names = ["cosine", *CONFLICTS, *ONE_SIDED, "negation", *LOOSE]
    if not parts:
        return _named(names, _general_prior(names).mean)
    return _fitted(names, _joined(parts), _general_prior(names))


def train_territory(stream: Stream, rarity: Rarity, seed: int) -> Territory:
    """A stream's own metric and weights. The weights are fitted to the cosines that a metric learned
    on the other half of the questions gives: on its own, it looks better than it is."""
    chance = np.random.default_rng(seed)
    half = chance.random(len(stream.texts)) < 0.5
    parts = []
    for chosen in (half, ~half):
        metric = _learn(stream.part(~chosen), seed)
        parts.append(_stream_samples(stream.part(chosen), rarity, metric))
    samples = _joined(parts)
    samples = replace(samples, weights=np.ones(len(samples.labels)))
    names = list(samples.signals[0])
    near, within, places = _borders(stream, half, seed)
    return Territory(
        name=stream.name,
        centres=places,
        near=near,
        within=within,
        metric=_learn(stream, seed),
        weights=_fitted(names, samples, Prior.loose(len(names), _HOLD_TERRITORY)),
    )


def train(
    embedder: str,
    streams: Sequence[Stream],
    pairs: Sequence[Pairs],
    seed: int,
    cuts: Mapping[float, float],
) -> ReuseModel:
    """All weights from all files."""
    texts = [text for stream in streams for text in stream.texts]
    texts += [text for one in pairs for both in one.texts for text in both]
    rarity, unknown = rarities(texts)

    def weight_of(stem: str) -> float:
        return rarity.get(stem, unknown)

    return ReuseModel(
        embedder=embedder,
        general=train_general(streams, pairs, weight_of),
        territories=tuple(train_territory(stream, weight_of, seed) for stream in streams),
        rarity=rarity,
        unknown=unknown,
        cuts=cuts,
    )


def as_json(model: ReuseModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``ReuseModel.from_json`` reads: the weights to look at, and the many numbers."""
    held = {
        "embedder": model.embedder,
        "cuts": {f"{budget:g}": round(cut, 4) for budget, cut in sorted(model.cuts.items())},
        "unknown_rarity": model.unknown,
        "general": _rounded(model.general),
        "territories": [
            {
                "name": place.name,
                "near": round(place.near, 3),
                "within": round(place.within, 3),
                "weights": _rounded(place.weights),
            }
            for place in model.territories
        ],
    }
    numbers = {
        "rarity": dict(model.rarity),
        "territories": {place.name: _whole(place) for place in model.territories},
    }
    return held, numbers


def _whole(place: Territory, scale: int = 1_000) -> dict[str, Any]:
    """Matrices as whole thousandths: short, and the same on every machine."""
    parts = {"centres": place.centres, "down": place.metric.down, "up": place.metric.up}
    return {"scale": scale} | {
        name: np.rint(part * scale).astype(int).tolist() for name, part in parts.items()
    }


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: round(weight, 3) for name, weight in weights.items()}


def _learn(stream: Stream, seed: int) -> Metric:
    return learn(stream.vectors.astype(np.float64), stream.answers, rank=RANK, seed=seed)


def _borders(
    stream: Stream, half: NDArray[np.bool_], seed: int
) -> tuple[float, float, NDArray[np.float64]]:
    """Borders from questions that the centres were not made of, then the centres of all."""
    vectors = stream.vectors.astype(np.float64)
    closeness = (vectors[~half] @ centres(vectors[half], CENTRES, seed).T).max(axis=1)
    near, within = np.quantile(closeness, [NEAR, WITHIN])
    return float(near), float(within), centres(vectors, CENTRES, seed)


def _stream_samples(stream: Stream, rarity: Rarity, metric: Metric | None = None) -> Samples:
    """Every question beside its nearest earlier ones."""
    near = kin(stream.vectors, CANDIDATES)
    request, column = np.nonzero((near.places >= 0) & (near.cosines >= FARTHEST))
    earlier = near.places[request, column]
    answers = np.asarray(stream.answers)
    learned = _products(stream.vectors, request, earlier, metric)
    signals = [
        compare(stream.texts[one], stream.texts[other], rarity)
        | cosine_signals("cosine", float(cosine))
        | (cosine_signals("learned", float(seen)) if metric else {})
        for one, other, cosine, seen in zip(
            request.tolist(), earlier.tolist(), near.cosines[request, column], learned, strict=True
        )
    ]
    count = max(len(signals), 1)
    labels = (answers[request] == answers[earlier]).astype(np.float64)
    return Samples(signals, labels, np.full(len(signals), GENERAL_WEIGHT["stream"] / count))


def _products(
    vectors: NDArray[np.float32], one: NDArray[Any], other: NDArray[Any], metric: Metric | None
) -> Floats:
    if metric is None:
        return np.zeros(len(one))
    mapped = metric.mapped(vectors.astype(np.float64))
    return np.asarray((mapped[one] * mapped[other]).sum(axis=1))


def _pair_samples(pairs: Pairs, rarity: Rarity) -> Samples:
    cosines = (pairs.left * pairs.right).sum(axis=1)
    signals = [
        compare(one, other, rarity) | cosine_signals("cosine", float(cosine))
        for (one, other), cosine in zip(pairs.texts, cosines, strict=True)
    ]
    return Samples(signals, pairs.labels, np.full(len(signals), GENERAL_WEIGHT["pair"]))


def _joined(parts: Sequence[Samples]) -> Samples:
    return Samples(
        [signals for part in parts for signals in part.signals],
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def _fitted(names: Sequence[str], samples: Samples, prior: Prior) -> dict[str, float]:
    rows = np.array([[signals[name] for name in names] for signals in samples.signals])
    return _named(names, fit(rows, samples.labels, samples.weights, prior))


def _named(names: Sequence[str], found: Floats) -> dict[str, float]:
    return dict(zip([*names, "intercept"], map(float, found), strict=True))


def _general_prior(names: Sequence[str]) -> Prior:
    believed = [_belief(name) for name in names]
    mean, strength, lowest, highest = zip(*believed, strict=True)
    return Prior(
        np.array([*mean, -_EVEN]),
        np.array([*strength, 1e-6]),
        np.array([*lowest, -np.inf]),
        np.array([*highest, np.inf]),
    )


def _belief(name: str) -> tuple[float, float, float, float]:
    """Mean, strength and bounds of a general weight: a conflict never speaks for reuse."""
    if name == "cosine":
        return _SLOPE, _HOLD_SLOPE, 0.0, np.inf
    if name in CONFLICTS:
        return _CONFLICT, _HOLD_CONFLICT, -np.inf, 0.0
    if name in ONE_SIDED:
        return _ONE_SIDED, _HOLD_CONFLICT, -np.inf, 0.0
    if name == "negation":
        return _NEGATION, _HOLD_CONFLICT, -np.inf, 0.0
    return 0.0, _HOLD_LOOSE, -np.inf, np.inf
