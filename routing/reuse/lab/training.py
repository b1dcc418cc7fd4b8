"""Learning the weights from labelled questions: of pairs, and of a candidate's company.

A stream's questions carry the answer that serves each; pairs carry a label. Everything is seeded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.reuse.features import Rarity, compare, vetoes
from routing.reuse.lab.streams import kin
from routing.reuse.lab.training_data import cases
from routing.reuse.logistic import Floats, Prior, fit
from routing.reuse.model import DOUBTS, ReuseModel
from routing.reuse.neighbours import SIGNALS as COMPANY_SIGNALS
from routing.reuse.text_features import read

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
    "template",
)
ONE_SIDED = (
    "inserted",
    "numbers_one_sided",
    "codes_one_sided",
    "names_one_sided",
    "timebound_one_sided",
)
LOOSE = ("swapped", "order", "substituted")
PAIR_WEIGHT = {"stream": 500.0, "pair": 1.0}
"""How many labels a whole stream counts as in the pair weights, and a single pair."""

# Log-odds believed before any label is seen. A cosine of 0.77 is even odds; a conflict weighs as
# much as a tenth of cosine does, something that one question says and the other doesn't, half of it.
_SLOPE, _EVEN = 22.0, 17.0
_CONFLICT, _ONE_SIDED, _NEGATION = -2.0, -1.2, -0.2
_HOLD_SLOPE, _HOLD_CONFLICT, _HOLD_LOOSE = 10.0, 20.0, 50.0
_HOLD_COMPANY, _HOLD_DOUBTS = 3.0, 2_000.0
_DOUBTS = 0.4

CACHE_SIZES = (500, 500, 1_000, 1_000, 2_500, 6_000)
"""Requests in each of the streams that fill a cache for the company's weights."""
_BESIDE = 5


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


def texts_of(streams: Sequence[Stream], pairs: Sequence[Pairs]) -> list[str]:
    """Every question of every file."""
    texts = [text for stream in streams for text in stream.texts]
    return texts + [text for one in pairs for both in one.texts for text in both]


def train_pair(
    streams: Sequence[Stream], pairs: Sequence[Pairs], rarity: Rarity
) -> dict[str, float]:
    """Weights that hold anywhere, near the prior."""
    parts = [_stream_samples(stream, rarity) for stream in streams]
    parts += [_pair_samples(one, rarity) for one in pairs]
    names = ["cosine", *CONFLICTS, *ONE_SIDED, "negation", *LOOSE]
    if not parts:
        return _named(names, _pair_prior(names).mean)
    return _fitted(names, _joined(parts), _pair_prior(names))


def train_company(
    streams: Sequence[Stream], pair: Mapping[str, float], rarity: Rarity, seed: int
) -> dict[str, float]:
    """Weights of a candidate's company, from caches of every size that a stream fills. ``pair`` holds
    the weights of pairs, which say how much a doubt weighs. Without a stream there are none: pairs are judged alone."""
    parts = [
        _company_samples(stream.part(chosen), pair, rarity, chance)
        for stream in streams
        for chance in [np.random.default_rng(seed)]
        for chosen in _portions(len(stream.texts), chance)
    ]
    if not parts:
        return {}
    return _fitted(COMPANY_SIGNALS, _joined(parts), _company_prior())


def _portions(count: int, chance: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    for size in CACHE_SIZES:
        kept = min(size, count)
        chosen = np.zeros(count, bool)
        chosen[chance.choice(count, kept, replace=False)] = True
        yield chosen


def train(
    embedder: str,
    streams: Sequence[Stream],
    pairs: Sequence[Pairs],
    seed: int,
    cuts: Mapping[float, float],
) -> ReuseModel:
    """All weights from all files."""
    rarity, unknown = rarities(texts_of(streams, pairs))

    def weight_of(stem: str) -> float:
        return rarity.get(stem, unknown)

    pair = train_pair(streams, pairs, weight_of)
    company = train_company(streams, pair, weight_of, seed)
    return ReuseModel(embedder, pair, company, rarity, unknown, cuts)


def as_json(model: ReuseModel) -> dict[str, Any]:
    """What ``ReuseModel.from_json`` reads, beside the rarities."""
    return {
        "embedder": model.embedder,
        "cuts": {f"{budget:g}": round(cut, 4) for budget, cut in sorted(model.cuts.items())},
        "unknown_rarity": model.unknown,
        "pair": _rounded(model.pair),
        "company": _rounded(model.company),
    }


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: round(weight, 3) for name, weight in weights.items()}


def _company_samples(
    stream: Stream, pair: Mapping[str, float], rarity: Rarity, chance: np.random.Generator
) -> Samples:
    """What a filling cache holds beside each request; what is vetoed teaches nothing."""
    _, answers = np.unique(np.asarray(stream.answers), return_inverse=True)
    signals, labels, weights = [], [], []
    for case in cases(stream.vectors, stream.texts, answers, chance):
        told = compare(stream.texts[case.request], stream.texts[case.stored], rarity)
        if vetoes(told):
            continue
        told |= case.company.signals(case.at) | {"cosine": case.company.cosines[case.at]}
        told["doubts"] = sum(pair[name] * told[name] for name in DOUBTS)
        signals.append(told)
        labels.append(float(case.right))
        weights.append(case.company.known)
    return Samples(signals, np.array(labels), np.array(weights))


def _stream_samples(stream: Stream, rarity: Rarity) -> Samples:
    """Every question beside its nearest earlier ones."""
    near = kin(stream.vectors, _BESIDE)
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
    return Samples(signals, labels, np.full(len(signals), PAIR_WEIGHT["stream"] / count))


def _pair_samples(pairs: Pairs, rarity: Rarity) -> Samples:
    cosines = (pairs.left * pairs.right).sum(axis=1)
    signals = [
        compare(one, other, rarity) | {"cosine": float(cosine)}
        for (one, other), cosine in zip(pairs.texts, cosines, strict=True)
    ]
    return Samples(signals, pairs.labels, np.full(len(signals), PAIR_WEIGHT["pair"]))


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


def _company_prior() -> Prior:
    """Loose, but for the doubts: a stream hardly shows what a trap is."""
    loose = Prior.loose(len(COMPANY_SIGNALS), _HOLD_COMPANY)
    at = COMPANY_SIGNALS.index("doubts")
    loose.mean[at], loose.strength[at] = _DOUBTS, _HOLD_DOUBTS
    return loose
