"""Expectations of a decision, and their failures in words. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from routing.domain.decide import Outcome
from routing.domain.rules import Decision, plain_name

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """Which actions, models and rules will do; an empty one means any. Models go by their published
    names, whether a stand-in answers for them or not."""

    actions: Names = ()
    models: Names = ()
    rules: Names = ()

    @property
    def name(self) -> str:
        """The expectation as a class of decisions: ``code``, ``refuse``, ``code or general``."""
        told = [" or ".join(names) for names in (self.rules, self.actions, self.models) if names]
        return ", ".join(told) or "anything"

    def met_by(self, decision: Decision) -> bool:
        """Whether the decision is one of those expected."""
        return not self.missed_by(decision)

    def missed_by(self, decision: Decision) -> Names:
        """The differences from the expectation, in words; none where it is met."""
        parts = (
            ("action", self.actions, decision.action.value),
            ("model", tuple(map(plain_name, self.models)), plain_name(decision.model)),
            ("rule", self.rules, decision.rule or ""),
        )
        return tuple(
            f"{what} {_quoted(told)} instead of {' or '.join(map(_quoted, names))}"
            for what, names, told in parts
            if names and told not in names
        )


def failure(expected: Expected, outcome: Outcome) -> str:
    """Why a golden case does not hold, in words; empty where it does.

    Where no classifier could be asked the default stood in, which proves nothing.
    """
    if not outcome.reached:
        return outcome.decision.reason
    return ", ".join(expected.missed_by(outcome.decision))


def _quoted(name: str) -> str:
    return f"“{name}”" if name else "none"
