"""Which of the nearest entries may be served: every candidate is verified, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from conversations.adapters.cache_entries import Hit
from conversations.engine.ports import Considered, Vector
from routing.reuse.model import ReuseModel

DEFAULT_BUDGET = 1.0
"""Wrong reuses in a hundred requests that are accepted."""


@dataclass(frozen=True, slots=True)
class ReuseVerifier:
    """``budget`` is the wrong reuses accepted in a hundred requests: the cut follows from it."""

    model: ReuseModel
    budget: float = DEFAULT_BUDGET

    def servable(
        self,
        prompt: str,
        vector: Vector,
        candidates: Iterable[tuple[Hit, bytes | None]],
        told: Considered,
    ) -> list[Hit]:
        """Candidates without a veto whose probability reaches the cut, the likeliest first.

        ``told`` hears of every one of them, served or not. An entry whose vector is gone is none.
        """
        there = [(hit, held) for hit, held in candidates if held is not None]
        if not there:
            return []
        verdicts = self.model.verdicts(
            prompt,
            [str(hit.fields["question"]) for hit, _ in there],
            np.asarray(vector, np.float64),
            np.array([np.frombuffer(held, "<f4") for _, held in there]),
        )
        cut = self.model.cut(self.budget)
        judged = sorted(
            zip([hit for hit, _ in there], verdicts, strict=True),
            key=lambda pair: -pair[1].probability,
        )
        for hit, verdict in judged:
            about = {"entry": str(hit.entry), "similarity": hit.similarity, "cut": round(cut, 4)}
            told(about | verdict.as_json())
        return [
            hit
            for hit, said in judged
            if not said.vetoes and said.probability * (1 - hit.penalty) >= cut
        ]
