"""Retrieval: of many rules the classifier reads those that a prompt may be about. The port, and what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from routing.classifier.classification import Instructions, build_instructions, described, offered
from routing.domain.actions import DEFAULT_ACTION
from routing.domain.rules import Rule, RuleSet

MOST = 32
"""Near rules, at most."""


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


def may_be_left_out(rule: Rule, rules: RuleSet) -> bool:
    """Whether a rule is sent to some prompts only, if its texts have enough in common: it answers, is not the
    default one, and has two examples."""
    answers = rule.action is DEFAULT_ACTION and rule.name != rules.default_rule
    return answers and len(rule.examples_for) >= 2


def most_sent(rules: RuleSet, least: int) -> SentRules | None:
    """The longest rules that a prompt may be sent with, where those near it are chosen; ``None`` where all are
    sent. Broad rules, which vectors tell, are not counted beside them."""
    listed = offered(rules)
    others = [rule for rule in listed if may_be_left_out(rule, rules)]
    if not least or len(rules.rules) < least or len(others) <= MOST:
        return None
    always = [rule for rule in listed if not may_be_left_out(rule, rules)]
    longest = sorted(others, key=lambda rule: len(str(described(rule))))[-MOST:]
    return SentRules(build_instructions(rules, always), tuple(longest))
