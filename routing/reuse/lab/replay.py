"""Replay: a stream of questions through a cache, and the choice among its stored questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from routing.reuse.lab.agreement import Agreement
from routing.reuse.lab.dataset import Flags, Ints, LabelledStream
from routing.reuse.model import (
    COMPARED,
    NEIGHBOURS,
    Neighbourhood,
    ReuseCandidate,
    ReuseModel,
    weighed,
)
from routing.reuse.pair_features import compare, uncertain, vetoes

# Earlier questions kept for each request: most of a popular question's nearest_earlier are never
# stored.
_REMEMBERED = 160
_BLOCK = 512

Choose = Callable[[int, Ints], tuple[int, float]]
"""The best of a request's stored neighbours, by their places in the stream, and its score; none of
them is -1."""
Judge = Callable[[int, int], bool]
"""Whether a judge says yes to a request and an earlier one."""


@dataclass(frozen=True, slots=True)
class EarlierQuestions:
    """The nearest earlier questions of each request, the nearest first; -1 where there are none."""

    places: NDArray[np.int32]
    cosines: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """Counts of a replay; ``judged`` is calls to the judge, also those that link stored answers."""

    requests: int
    reused: int
    wrong: int
    judged: int = 0

    @property
    def reuse(self) -> float:
        """Share of requests answered from the cache."""
        return self.reused / self.requests

    @property
    def wrong_share(self) -> float:
        """Share of requests answered with another question's answer."""
        return self.wrong / self.requests


def nearest_earlier(vectors: NDArray[np.float32], keep: int = _REMEMBERED) -> EarlierQuestions:
    """The nearest earlier questions of each, by blocks: memory grows with the stream, not its
    square."""
    count = len(vectors)
    keep = min(keep, count)
    places = np.full((count, keep), -1, np.int32)
    cosines = np.full((count, keep), -1.0, np.float32)
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        table = vectors[start:stop] @ vectors[:stop].T
        later = np.arange(stop)[None] >= np.arange(start, stop)[:, None]
        table[later] = -2.0
        width = min(keep, stop)
        columns = np.argpartition(-table, width - 1, axis=1)[:, :width]
        near = np.take_along_axis(table, columns, 1)
        order = np.argsort(-near, axis=1, kind="stable")
        columns, near = np.take_along_axis(columns, order, 1), np.take_along_axis(near, order, 1)
        there = near > -2.0
        places[start:stop, :width] = np.where(there, columns, -1)
        cosines[start:stop, :width] = np.where(there, near, -1.0)
    return EarlierQuestions(places, cosines)


def replay(
    near: EarlierQuestions,
    answers: Ints,
    choose: Choose,
    cut: float,
    *,
    grey: float | None = None,
    judge: Judge | None = None,
    agreement: Agreement | None = None,
) -> ReplayOutcome:
    """Serve the best of a request's stored neighbours from ``cut`` on, else answer and store it.

    Between ``grey`` and ``cut`` a judge is asked about the best one, once. ``agreement`` is told of each
    stored request.
    """
    stored = np.zeros(len(answers), bool)
    reused = wrong = judged = 0
    for request in range(len(answers)):
        places = near.places[request]
        there = np.flatnonzero((places >= 0) & stored[places])[:NEIGHBOURS]
        neighbours = places[there].astype(np.int64)
        best, score = choose(request, neighbours) if len(neighbours) else (-1, -np.inf)
        hit = best >= 0 and score >= cut
        if not hit and best >= 0 and judge is not None and grey is not None and score >= grey:
            judged += 1
            hit = judge(request, best)
        # As in the cache, an answer that was served is not stored again.
        stored[request] = not hit
        if agreement and not hit:
            agreement.store(request, neighbours, near.cosines[request, there])
        reused += hit
        wrong += int(hit and answers[best] != answers[request])
    judged += agreement.calls if agreement else 0
    return ReplayOutcome(len(answers), reused, wrong, judged)


def best_within(
    run: Callable[[float], ReplayOutcome],
    cuts: Sequence[float],
    allowed: Callable[[ReplayOutcome], bool],
) -> tuple[float, ReplayOutcome]:
    """The lowest of the rising ``cuts`` whose outcome is ``allowed``, found by halving (wrong reuses
    fall as the cut rises), and its outcome."""
    low, high = 0, len(cuts) - 1
    best = cuts[high], run(cuts[high])
    while low < high:
        middle = (low + high) // 2
        outcome = run(cuts[middle])
        if allowed(outcome):
            high = middle
            best = (cuts[middle], outcome) if outcome.reused >= best[1].reused else best
        else:
            low = middle + 1
    return best


def of_requests(wrong: float) -> Callable[[ReplayOutcome], bool]:
    """Whether at most this share of all requests went wrong."""
    return lambda outcome: outcome.wrong_share <= wrong


def firsts(
    near: EarlierQuestions, choose: Choose, answers: Ints, agreement: Agreement | None = None
) -> tuple[NDArray[np.float64], Flags]:
    """Each request's best neighbour when everything is stored: its score, and whether it is right."""
    scores, right = np.full(len(answers), -np.inf), np.zeros(len(answers), bool)
    for request in range(len(answers)):
        there = np.flatnonzero(near.places[request] >= 0)[:NEIGHBOURS]
        neighbours = near.places[request, there].astype(np.int64)
        best, score = choose(request, neighbours) if len(neighbours) else (-1, -np.inf)
        if best >= 0:
            scores[request], right[request] = score, answers[best] == answers[request]
        if agreement:
            agreement.store(request, neighbours, near.cosines[request, there])
    return scores[1:], right[1:]


@dataclass(frozen=True, slots=True)
class _Words:
    """The part of two questions' words in the log-odds, at any cosine."""

    odds: float
    doubts: float
    framed: float


class StoredChoice:
    """How the stored neighbours of a stream's requests are chosen among. With a ``budget`` their log-odds are
    lowered by as much as its cut is higher for what little is known of a neighbourhood."""

    def __init__(
        self, stream: LabelledStream, model: ReuseModel, budget: float | None = None
    ) -> None:
        self._stream = stream
        self._model = model
        self._budget = budget
        # a stream is replayed many times, and most requests have most neighbours again
        self._words = cache(self._compared)

    def nearest(self, request: int, neighbours: Ints) -> tuple[int, float]:
        """Plain cosine."""
        place = int(neighbours[0])
        return place, float(self._stream.vectors[place] @ self._stream.vectors[request])

    def likeliest(self, agreement: Agreement, request: int, neighbours: Ints) -> tuple[int, float]:
        """The verifier's choice, with the knowledge of the stored answers."""
        places = neighbours.tolist()
        cosines = (self._stream.vectors[places] @ self._stream.vectors[request]).tolist()
        around = Neighbourhood.of(
            [agreement.candidate(*each) for each in zip(places, cosines, strict=True)]
        )
        return self._choose(request, places, around)

    def likeliest_alone(self, request: int, neighbours: Ints) -> tuple[int, float]:
        """The verifier's choice where each one is judged by itself."""
        places = neighbours.tolist()
        cosines = (self._stream.vectors[places] @ self._stream.vectors[request]).tolist()
        around = Neighbourhood.of([ReuseCandidate("", cosine, 0) for cosine in cosines])
        return self._choose(request, places, replace(around, known=0.0))

    def _choose(self, request: int, places: list[int], around: Neighbourhood) -> tuple[int, float]:
        best = -1, -np.inf
        slope = self._model.pair["cosine"]
        for at, place in enumerate(places[:COMPARED]):
            words = self._words(self._stream.texts[request], self._stream.texts[place])
            if words is None:
                continue
            signals = {
                "cosine": around.cosines[at],
                "doubts": words.doubts,
                "framed": words.framed,
            }
            if around.known:
                signals |= around.signals(at)
            odds = self._model.odds(words.odds + slope * signals["cosine"], signals, around.known)
            if self._budget is not None:
                odds -= self._model.strictness(self._budget, around.known, signals.get("open", 0.0))
            best = max(best, (place, odds), key=lambda one: one[1])
        return best

    def _compared(self, one: str, other: str) -> _Words | None:
        signals = compare(one, other, self._model.weight_of)
        if vetoes(signals) or uncertain(signals):
            return None
        odds = weighed(self._model.pair, signals | {"cosine": 0.0})
        return _Words(odds, self._model.doubts(signals), signals["framed"])
