"""Moderation: a provider's word on a text or a picture, and the effect that it has here. Pure.

Categories are the provider's, in lower case with underscores (``self_harm_intent``): ``category_name`` makes
them so. Scores are in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from routing.domain.guard import GuardReport

ALL = "all"
"""In place of the names of all categories."""
UNNAMED = "unnamed"
"""The category of a provider that flags without naming one."""
AWAY = "away"
IN_ANSWER = "output_moderation_"
"""Begin of the signals of what was found in an answer; the rest is the category."""
MOST_NAME = 48
"""Characters of a category's name."""

_ODD = re.compile(r"[^a-z0-9]+")


def category_name(name: str) -> str:
    """The name as signals have it; empty where nothing of it is left."""
    return _ODD.sub("_", name[:MOST_NAME].lower()).strip("_")


@dataclass(frozen=True, slots=True)
class ModerationResult:
    """A provider's word on one text or picture: the categories that it flags, and the scores of all."""

    flagged: frozenset[str]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ModerationReport:
    """The word on all parts of a prompt, or of an answer, together.

    ``hits`` are the categories that count, the highest score first. ``away``: of a part there is no word, and
    ``detail`` says why, for operators.
    """

    hits: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    refused: bool = False
    away: bool = False
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether all parts were looked at, and nothing was found."""
        return not (self.hits or self.away)

    @property
    def outcome(self) -> str:
        """For the trace and the metrics: ``pass``, ``flag``, ``refuse`` or ``away``."""
        if self.hits:
            return "refuse" if self.refused else "flag"
        return AWAY if self.away else "pass"

    def joined(self, other: ModerationReport) -> ModerationReport:
        """The word on two texts together: a hit in one of them is a hit."""
        scores = _highest((self.scores, other.scores))
        return ModerationReport(
            _by_score({*self.hits, *other.hits}, scores),
            scores,
            self.refused or other.refused,
            self.away or other.away,
            self.detail or other.detail,
        )

    def added_to(self, guard: GuardReport, prefix: str = "moderation_") -> GuardReport:
        """The guard's report with these findings among its signals. Its score stays that of the guard."""
        if self.passed:
            return guard
        found = (*self.hits, *([AWAY] if self.away else ()))
        signals = (*guard.signals, *(f"{prefix}{name}" for name in found))
        blocked = self.refused or guard.verdict == "block"
        return replace(guard, verdict="block" if blocked else "flag", signals=signals)

    def as_json(self) -> dict[str, Any]:
        """For the trace."""
        scores = {name: round(self.scores.get(name, 0.0), 4) for name in self.hits}
        return {"outcome": self.outcome, "categories": scores, "away": self.away}


@dataclass(frozen=True, slots=True)
class ModerationTerms:
    """The effect of a provider's word.

    ``refuses`` are the categories of which a hit refuses; any other hit flags. A category of ``thresholds`` counts from
    its score on, any other one where the provider flags it. ``required``: without a word there is no answer.
    """

    refuses: frozenset[str] = frozenset({ALL})
    thresholds: Mapping[str, float] = field(default_factory=dict)
    required: bool = False

    @property
    def holds(self) -> bool:
        """Whether an answer waits for the word on its prompt."""
        return bool(self.refuses) or self.required

    def report(self, results: Sequence[ModerationResult]) -> ModerationReport:
        """The word on all parts: a hit in one of them is a hit."""
        scores = _highest(result.scores for result in results)
        told = {name for result in results for name in result.flagged}
        hits = {name for name in told if name not in self.thresholds}
        hits |= {name for name, least in self.thresholds.items() if scores.get(name, -1.0) >= least}
        refused = bool(hits) and (ALL in self.refuses or bool(hits & self.refuses))
        return ModerationReport(_by_score(hits, scores), scores, refused)


def _highest(told: Iterable[Mapping[str, float]]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name, score in (pair for each in told for pair in each.items()):
        scores[name] = max(score, scores.get(name, 0.0))
    return scores


def _by_score(hits: Collection[str], scores: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(sorted(hits, key=lambda name: (-scores.get(name, 1.0), name)))
