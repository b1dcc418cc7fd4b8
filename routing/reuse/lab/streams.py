"""Replaying a stream of questions through a cache: who would have been answered with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.reuse.lab.measures import Flags
from routing.reuse.neighbours import NEIGHBOURS

Ints = NDArray[np.int64]

_REMEMBERED = 160
"""Earlier questions kept for each request: most of a popular question's kin are never stored."""
_BLOCK = 512

Choose = Callable[[int, Ints], tuple[int, float]]
"""The best of a request's stored neighbours, by their places in the stream, and its score; none of
them is -1."""
Judge = Callable[[int, int], bool]
"""Whether a judge says yes to a request and an earlier one."""


@dataclass(frozen=True, slots=True)
class Kin:
    """The nearest earlier questions of each request, the nearest first; -1 where there are none."""

    places: NDArray[np.int32]
    cosines: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a replay: shares of all requests; ``judged`` is calls to the judge."""

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


def kin(vectors: NDArray[np.float32], keep: int = _REMEMBERED) -> Kin:
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
        kept = min(keep, stop)
        found = np.argpartition(-table, kept - 1, axis=1)[:, :kept]
        near = np.take_along_axis(table, found, 1)
        order = np.argsort(-near, axis=1, kind="stable")
        found, near = np.take_along_axis(found, order, 1), np.take_along_axis(near, order, 1)
        there = near > -2.0
        places[start:stop, :kept] = np.where(there, found, -1)
        cosines[start:stop, :kept] = np.where(there, near, -1.0)
    return Kin(places, cosines)


def replay(
    near: Kin,
    answers: Ints,
    choose: Choose,
    cut: float,
    *,
    grey: float | None = None,
    judge: Judge | None = None,
) -> Outcome:
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
        stored[request] = not hit
        reused += hit
        wrong += int(hit and answers[best] != answers[request])
    return Outcome(len(answers), reused, wrong, judged)


def best_within(
    run: Callable[[float], Outcome], cuts: Sequence[float], allowed: Callable[[Outcome], bool]
) -> tuple[float, Outcome]:
    """The lowest of the rising ``cuts`` whose outcome is ``allowed``, found by halving (wrong reuses
    fall as the cut rises), and what came of it."""
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


def of_requests(wrong: float) -> Callable[[Outcome], bool]:
    """Whether at most this share of all requests went wrong."""
    return lambda outcome: outcome.wrong_share <= wrong


def of_reuses(wrong: float) -> Callable[[Outcome], bool]:
    """Whether at most this share of the reuses was wrong."""
    return lambda outcome: outcome.wrong <= wrong * outcome.reused


def firsts(near: Kin, choose: Choose, answers: Ints) -> tuple[NDArray[np.float64], Flags]:
    """Each request's best neighbour when everything is stored: its score, and whether it is right."""
    scores, right = np.full(len(answers), -np.inf), np.zeros(len(answers), bool)
    for request in range(1, len(answers)):
        neighbours = near.places[request][:NEIGHBOURS].astype(np.int64)
        best, score = choose(request, neighbours[neighbours >= 0])
        if best >= 0:
            scores[request], right[request] = score, answers[best] == answers[request]
    return scores[1:], right[1:]
