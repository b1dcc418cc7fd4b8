"""Simulated agreement: a cache's knowledge of its answers in a replay, where labels know all.

In the service nothing is known of two answers until the background judge has linked them; until then their
signatures hint at whether they say the same, often wrongly.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from routing.reuse.lab.dataset import Ints, LabelledStream
from routing.reuse.linking import NEAR_ENOUGH, Known, link_candidates
from routing.reuse.model import ReuseCandidate

SaysSame = Callable[[int, Sequence[int]], int | None]
"""The place among stored requests whose answer a judge says to be that of a request; ``None``: of none."""


@dataclass(frozen=True, slots=True)
class SimulatedJudge:
    """A judge simulated from the labels, wrong this often either way. Seeded by texts, so that asked
    twice it says the same."""

    error: float
    seed: int

    def says(self, right: bool, one: str, other: str) -> bool:
        """Its answer to whether one answer serves both."""
        return right != (self._chance(f"{one}\0{other}") < self.error)

    def names(self, right: int | None, text: str, choices: int) -> int | None:
        """Which of so many choices it takes for a text; where it errs any but the right one."""
        chance = self._chance(text)
        if chance >= self.error:
            return right
        wrong: list[int | None] = [each for each in (None, *range(choices)) if each != right]
        return wrong[int(chance / self.error * len(wrong))]

    def _chance(self, text: str) -> float:
        digest = hashlib.sha256(f"{self.seed}\0{text}".encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:6], "big") / 2**48


class Agreement(Protocol):
    """Knowledge of the stored answers of a stream, by their places, after so many ``calls`` to a judge."""

    calls: int

    def candidate(self, place: int, cosine: float) -> ReuseCandidate:
        """The knowledge of the answer there, without its question."""
        ...

    def store(self, place: int, neighbours: Ints, cosines: NDArray[np.float32]) -> None:
        """The answer there is stored; its stored neighbours come nearest first."""
        ...


class CertainAgreement:
    """All is known: answers agree where they have one name."""

    calls = 0

    def __init__(self, answers: Ints) -> None:
        self._answers = answers

    def candidate(self, place: int, cosine: float) -> ReuseCandidate:
        return ReuseCandidate("", cosine, int(self._answers[place]))

    def store(self, place: int, neighbours: Ints, cosines: NDArray[np.float32]) -> None:
        """Nothing is to be learned."""


class HintedAgreement:
    """Nothing is known, but answers with one of ``names`` look as if they said the same."""

    calls = 0

    def __init__(self, names: Ints) -> None:
        self._names = names

    def candidate(self, place: int, cosine: float) -> ReuseCandidate:
        return ReuseCandidate("", cosine, place, frozenset(), int(self._names[place]))

    def store(self, place: int, neighbours: Ints, cosines: NDArray[np.float32]) -> None:
        """There is no judge."""


class LinkedAgreement:
    """The background judge looks once at each stored answer beside its neighbours'."""

    def __init__(self, names: Ints, judge: SaysSame) -> None:
        self._names, self._judge = names, judge
        self._known: dict[int, Known[int]] = {}
        self.calls = 0

    def candidate(self, place: int, cosine: float) -> ReuseCandidate:
        known = self._known[place]
        return ReuseCandidate("", cosine, known.group, known.apart, int(self._names[place]))

    def store(self, place: int, neighbours: Ints, cosines: NDArray[np.float32]) -> None:
        near = neighbours[cosines >= NEAR_ENOUGH].tolist()
        shown = link_candidates([(each, self._known[each].group) for each in near])
        self.calls += bool(shown)
        same = self._judge(place, [each for each, _ in shown]) if shown else None
        self._known[place] = Known.judged(place, [group for _, group in shown], same)


def spoiled_names(stream: LabelledStream, joined: float, merged: float, seed: int) -> Ints:
    """A name for each answer as signatures would give it: two answers to one intent have one name with
    the chance ``joined``, and an answer has that of the nearest other intent with the chance ``merged``."""
    answers, chance = stream.numbers, np.random.default_rng(seed)
    names = np.where(
        chance.random(len(answers)) < merged, _nearest_intent(stream, answers)[answers], answers
    )
    # Two of them keep their name with the chance of one squared.
    alone = chance.random(len(answers)) >= math.sqrt(joined)
    return np.where(alone, len(answers) + np.arange(len(answers)), names)


def _nearest_intent(stream: LabelledStream, answers: Ints) -> Ints:
    middles = np.zeros((int(answers.max()) + 1, stream.vectors.shape[1]))
    np.add.at(middles, answers, stream.vectors)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    cosines = middles @ middles.T
    np.fill_diagonal(cosines, -2.0)
    return np.asarray(cosines.argmax(axis=1))


@dataclass(frozen=True, slots=True)
class Spoiled:
    """How well signatures tell which answers agree (see ``spoiled_names``), and whether a background judge
    links them, that errs this often."""

    joined: float = 0.0
    merged: float = 0.0
    linked: bool = False
    error: float = 0.03


AGREEMENTS: Mapping[str, Spoiled | None] = {
    "verified": None,
    "linked": Spoiled(0.25, 0.15, linked=True),
    "half seen": Spoiled(0.5, 0.2),
    "quarter seen": Spoiled(0.25, 0.15),
    "unseen": Spoiled(),
}
"""States of a cache's knowledge of its answers: weights are learned on all of them."""
LINKED = ("verified", "linked")
"""Those in which answers were compared: cuts are measured apart for them and for the others."""


def make_agreement(stream: LabelledStream, spoiled: Spoiled | None, seed: int) -> Agreement:
    """A new agreement for one replay; everything is known where nothing is ``spoiled``."""
    answers = stream.numbers
    if spoiled is None:
        return CertainAgreement(answers)
    names = spoiled_names(stream, spoiled.joined, spoiled.merged, seed)
    if not spoiled.linked:
        return HintedAgreement(names)
    judge = SimulatedJudge(spoiled.error, seed)

    def says_same(request: int, shown: Sequence[int]) -> int | None:
        right = next((at for at, one in enumerate(shown) if answers[one] == answers[request]), None)
        return judge.names(right, stream.texts[request], len(shown))

    return LinkedAgreement(names, says_same)
