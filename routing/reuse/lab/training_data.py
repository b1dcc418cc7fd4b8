"""Caches filled for training: what stands beside each request, and whether it is the right answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.reuse.lab.streams import Ints, kin
from routing.reuse.model import Candidate
from routing.reuse.neighbours import NEAR, NEIGHBOURS, Company

_EASY = 0.88
"""Cosine from which a request with the same answer is served, and so not stored."""
_NOVEL = 0.25
"""Share of requests whose answer is taken out of the cache: nothing there may serve them."""
_FARTHEST = 0.3
_GROUPS = 2
"""Different answers looked at for each request."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request, one stored question, the company it is in and its place there."""

    request: int
    stored: int
    company: Company
    at: int
    right: bool


def cases(
    vectors: NDArray[np.float32],
    texts: Sequence[str],
    answers: Ints,
    chance: np.random.Generator,
) -> Iterator[Case]:
    """Play the requests in their order through a cache that is empty at first."""
    near = kin(vectors)
    stored = np.zeros(len(answers), bool)
    for request in range(len(answers)):
        places = near.places[request]
        held = (places >= 0) & stored[places]
        if chance.random() < _NOVEL:
            held &= answers[places] != answers[request]
        held &= near.cosines[request] > _FARTHEST
        columns = np.flatnonzero(held)[:NEIGHBOURS]
        yield from _beside(request, places[columns], near.cosines[request, columns], texts, answers)
        first = columns[:1]
        served = first.size and near.cosines[request, first[0]] >= _EASY
        stored[request] = not (served and answers[places[first[0]]] == answers[request])


def _beside(
    request: int,
    places: NDArray[np.int32],
    cosines: NDArray[np.float32],
    texts: Sequence[str],
    answers: Ints,
) -> Iterator[Case]:
    candidates = [
        Candidate(texts[place], float(cosine), int(answers[place]))
        for place, cosine in zip(places.tolist(), cosines, strict=True)
    ]
    company = Company.of(candidates)
    heads = list({one.says: at for at, one in reversed(list(enumerate(candidates)))}.values())
    for at in sorted(heads)[:_GROUPS]:
        if company.known and candidates[at].cosine >= NEAR:
            place = int(places[at])
            yield Case(request, place, company, at, bool(answers[place] == answers[request]))
