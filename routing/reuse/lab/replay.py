"""Replay: a stream of questions through a cache, and the choice among its stored questions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from routing.reuse.lab.dataset import Flags, Ints, LabelledStream
from routing.reuse.model import COMPARED, NEIGHBOURS, ReuseCandidate, ReuseModel, log_odds
from routing.reuse.pair_features import Rarity, compare

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
    """Counts of a replay; ``judged`` is calls to the judge."""

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
) -> ReplayOutcome:
    """Serve the best of a request's stored neighbours from ``cut`` on, else answer and store it.

    Between ``grey`` and ``cut`` a judge is asked about the best one, once.
    """
    stored = np.zeros(len(answers), bool)
    reused = wrong = judged = 0
    for request in range(len(answers)):
        places = near.places[request]
        neighbours = places[(places >= 0) & stored[places]][:NEIGHBOURS].astype(np.int64)
        best, score = choose(request, neighbours) if len(neighbours) else (-1, -np.inf)
        hit = best >= 0 and score >= cut
        if not hit and best >= 0 and judge is not None and grey is not None and score >= grey:
            judged += 1
            hit = judge(request, best)
        # As in the cache, an answer that was served is not stored again.
        stored[request] = not hit
        reused += hit
        wrong += int(hit and answers[best] != answers[request])
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


def of_reuses(wrong: float) -> Callable[[ReplayOutcome], bool]:
    """Whether at most this share of the reuses was wrong."""
    return lambda outcome: outcome.wrong <= wrong * outcome.reused


def firsts(
    near: EarlierQuestions, choose: Choose, answers: Ints
) -> tuple[NDArray[np.float64], Flags]:
    """Each request's best neighbour when everything is stored: its score, and whether it is right."""
    scores, right = np.full(len(answers), -np.inf), np.zeros(len(answers), bool)
    for request in range(1, len(answers)):
        neighbours = near.places[request][:NEIGHBOURS].astype(np.int64)
        best, score = choose(request, neighbours[neighbours >= 0])
        if best >= 0:
            scores[request], right[request] = score, answers[best] == answers[request]
    return scores[1:], right[1:]


@dataclass(frozen=True, slots=True)
class SimulatedJudge:
    """A judge simulated from the labels, wrong this often either way. Seeded a pair, so that asked
    twice it says the same."""

    error: float
    seed: int

    def says(self, right: bool, one: str, other: str) -> bool:
        """Its answer to whether one answer serves both."""
        digest = hashlib.sha256(f"{self.seed}\0{one}\0{other}".encode("utf-8", "replace")).digest()
        return right != (int.from_bytes(digest[:6], "big") / 2**48 < self.error)


class StoredChoice:
    """How the stored neighbours of a stream's requests are chosen among; ``answers`` numbers the
    answer that serves each request."""

    def __init__(self, stream: LabelledStream, model: ReuseModel, answers: Ints) -> None:
        self._stream = stream
        self._model = model
        self._answers = answers
        self._compared: dict[tuple[str, str], dict[str, float]] = {}
        # a stream is replayed at many cuts, and most requests have most neighbours again
        self._best = lru_cache(maxsize=300_000)(self._judged)

    def nearest(self, request: int, neighbours: Ints) -> tuple[int, float]:
        """Plain cosine."""
        place = int(neighbours[0])
        return place, float(self._stream.vectors[place] @ self._stream.vectors[request])

    def likeliest(self, request: int, neighbours: Ints) -> tuple[int, float]:
        """The verifier's choice: stored requests that one answer serves agree with each other."""
        return self._best(request, *neighbours.tolist())

    def likeliest_alone(self, request: int, neighbours: Ints) -> tuple[int, float]:
        """The verifier's choice where nothing tells that two answers say the same."""
        choices = (self._best(request, place) for place in neighbours[:COMPARED].tolist())
        return max(choices, key=lambda one: one[1])

    def _judged(self, request: int, *places: int) -> tuple[int, float]:
        stream = self._stream
        cosines = (stream.vectors[list(places)] @ stream.vectors[request]).tolist()
        candidates = [
            ReuseCandidate(stream.texts[place], cosine, int(self._answers[place]))
            for place, cosine in zip(places, cosines, strict=True)
        ]
        verdicts = self._model.estimates(stream.texts[request], candidates, self._compare)
        odds = (
            (place, log_odds(verdict.probability))
            for place, verdict in zip(places, verdicts, strict=False)
            if not (verdict.vetoes or verdict.uncertain)
        )
        return max(odds, key=lambda one: one[1], default=(-1, -np.inf))

    def _compare(self, one: str, other: str, rarity: Rarity) -> dict[str, float]:
        # Each pair once: a stream is replayed many times.
        if (one, other) not in self._compared:
            self._compared[one, other] = compare(one, other, rarity)
        return dict(self._compared[one, other])
