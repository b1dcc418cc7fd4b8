"""Retrieval: of many rules the classifier reads those that a prompt may be about. The port, and what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from routing.classifier.classification import Instructions
from routing.domain.rules import Rule, RuleSet


@dataclass(frozen=True, slots=True)
class SentRules:
    """``instructions`` are the same for every prompt and hold the rules that are always sent; ``near`` are
    the others for this one, in the published order."""

    instructions: Instructions
    near: tuple[Rule, ...] = ()

    @property
    def count(self) -> int:
        """How many rules the classifier reads."""
        return len(self.instructions.listed) + len(self.near)


class RuleRetriever(Protocol):
    """Chooses the rules that are sent."""

    def choose(self, prompt: str, vector: Sequence[float], rules: RuleSet) -> SentRules | None:
        """``vector`` is the prompt's. ``None`` where all are to be sent: there are few of them, or nothing
        tells which could fit. Never waits."""
        ...
