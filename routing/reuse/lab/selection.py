"""How a replayed stream's requests choose among stored neighbours, and a judge made of the labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from routing.reuse.calibration import log_odds
from routing.reuse.features import Rarity, compare
from routing.reuse.lab.streams import Ints
from routing.reuse.lab.training import Stream
from routing.reuse.model import COMPARED, Candidate, ReuseModel


@dataclass(frozen=True, slots=True)
class Judging:
    """A judge simulated from the labels, wrong this often either way. Seeded a pair, so that asked
    twice it says the same."""

    error: float
    seed: int

    def says(self, right: bool, one: str, other: str) -> bool:
        """Its answer to whether one answer serves both."""
        told = hashlib.sha256(f"{self.seed}\0{one}\0{other}".encode("utf-8", "replace")).digest()
        return right != (int.from_bytes(told[:6], "big") / 2**48 < self.error)


class Choosing:
    """How the stored neighbours of a stream's requests are chosen among; ``answers`` numbers what
    serves each request."""

    def __init__(self, stream: Stream, model: ReuseModel, answers: Ints) -> None:
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
        found = (self._best(request, place) for place in neighbours[:COMPARED].tolist())
        return max(found, key=lambda one: one[1])

    def _judged(self, request: int, *places: int) -> tuple[int, float]:
        stream = self._stream
        cosines = (stream.vectors[list(places)] @ stream.vectors[request]).tolist()
        held = [
            Candidate(stream.texts[place], cosine, int(self._answers[place]))
            for place, cosine in zip(places, cosines, strict=True)
        ]
        verdicts = self._model.verdicts(stream.texts[request], held, self._compare)
        odds = (
            (place, log_odds(verdict.probability))
            for place, verdict in zip(places, verdicts, strict=False)
            if not verdict.vetoes
        )
        return max(odds, key=lambda one: one[1], default=(-1, -np.inf))

    def _compare(self, one: str, other: str, rarity: Rarity) -> dict[str, float]:
        """Each pair once: a stream is replayed many times."""
        if (one, other) not in self._compared:
            self._compared[one, other] = compare(one, other, rarity)
        return dict(self._compared[one, other])
