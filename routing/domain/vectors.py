"""Decisions by vectors: what earlier verdicts of the classifier on similar questions say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from routing.domain.rules import Decision, RuleSet


@dataclass(frozen=True, slots=True)
class VectorOpinion:
    """The ``decision`` that earlier verdicts make, on the word of ``verdicts`` of them.

    ``probability`` is calibrated, ``estimated`` the model's own; ``sure`` where it reaches the ``cut`` of
    the error budget; ``earned`` once audits have shown enough such opinions right. ``asked_because`` is the reason why the classifier is
    asked all the same; empty where the opinion decides. ``offer`` is the digest of the rules as they are read.
    """

    decision: Decision
    estimated: float
    probability: float
    cut: float
    verdicts: int
    offer: str
    sure: bool
    earned: bool
    asked_because: str = ""

    @property
    def decides(self) -> bool:
        """Whether no classifier need be asked."""
        return not self.asked_because

    def agrees(self, classified: Decision) -> bool:
        """Whether the classifier named the same rule, and was no more careful about reuse."""
        ours = self.decision
        return (
            ours.rule == classified.rule
            and ours.self_contained <= classified.self_contained
            and ours.impersonal <= classified.impersonal
            and ours.stays_true.lasts >= classified.stays_true.lasts
        )

    @property
    def words(self) -> str:
        """For people: the decision and its evidence, or why the classifier is asked all the same."""
        told = f"{self.decision.rule}, {self.verdicts} verdicts, {self.probability:.3f}"
        return f"{told}; asked: {self.asked_because}" if self.asked_because else told

    def as_json(self) -> dict[str, object]:
        """For traces and pages."""
        return {
            "rule": self.decision.rule,
            "probability": round(self.probability, 4),
            "estimated": round(self.estimated, 4),
            "cut": round(self.cut, 4),
            "verdicts": self.verdicts,
            "asked_because": self.asked_because,
        }


class VectorTrial(Protocol):
    """Tells what earlier verdicts would have decided, without an effect."""

    async def embed(self, prompt: str, rules: RuleSet) -> Sequence[float] | None:
        """The prompt's vector, once those of the rules' texts are there; ``None`` without an embedder. Never
        raises."""
        ...

    async def try_prompt(
        self, prompt: str, rules: RuleSet, vector: Sequence[float]
    ) -> VectorOpinion | None:
        """``None`` where they say nothing of it. Never raises."""
        ...
