"""What the other stored questions around one say: agreement, and rivals with another answer. Pure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

NEIGHBOURS = 10
"""Stored questions looked at for each request."""
NEAR = 0.5
"""Cosine from which a stored question belongs to the neighbourhood."""
ENOUGH = 5
"""Neighbours from which the neighbourhood counts as known."""

_WIDTH = 0.05
"""Cosine by which a neighbour may be farther and still count 1/e of the nearest."""
_NO_RIVAL = 0.4

SIGNALS = ("cosine", "rival", "margin", "agreeing", "mass", "unrivalled", "doubts")


class Neighbour(Protocol):
    """A stored question as this module sees it."""

    @property
    def cosine(self) -> float: ...
    @property
    def says(self) -> Hashable: ...


@dataclass(frozen=True, slots=True)
class Company:
    """Neighbours of one request, the nearest first: their cosines, and what their answers say.

    ``known`` is how well the cache knows the neighbourhood, in [0, 1]; ``counts`` and ``shares`` are of
    each answer: how many neighbours have it, and their share by nearness.
    """

    cosines: tuple[float, ...]
    says: tuple[Hashable, ...]
    known: float
    counts: Mapping[Hashable, int]
    shares: Mapping[Hashable, float]

    @classmethod
    def of(cls, neighbours: Sequence[Neighbour]) -> Company:
        """The company of all of them; one alone is none."""
        cosines = tuple(min(1.0, max(-1.0, one.cosine)) for one in neighbours)
        says = tuple(one.says for one in neighbours)
        counts: dict[Hashable, int] = {}
        shares: dict[Hashable, float] = {}
        for cosine, said in zip(cosines, says, strict=True):
            counts[said] = counts.get(said, 0) + 1
            shares[said] = shares.get(said, 0.0) + math.exp((cosine - cosines[0]) / _WIDTH)
        near = sum(cosine >= NEAR for cosine in cosines)
        known = min(1.0, near / ENOUGH) if len(cosines) > 1 else 0.0
        return cls(cosines, says, known, counts, shares)

    def signals(self, at: int) -> dict[str, float]:
        """How the neighbour stands among the others: the nearest ``rival`` has another answer,
        ``agreeing`` is the logarithm of how many have this one, ``mass`` their share by nearness."""
        mine = self.says[at]
        there = len(self.counts) > 1
        held = self._rival(mine) if there else _NO_RIVAL
        return {
            "rival": held,
            "margin": self.cosines[at] - held,
            "agreeing": math.log(self.counts[mine]),
            "mass": self.shares[mine] / sum(self.shares.values()),
            "unrivalled": float(not there),
        }

    def _rival(self, mine: Hashable) -> float:
        pairs = zip(self.cosines, self.says, strict=True)
        return next(cosine for cosine, said in pairs if said != mine)
