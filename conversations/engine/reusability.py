"""Reuse rules: whether an answer may be used again, and for which users, by its decision. Pure."""

from __future__ import annotations

from routing.domain.actions import ACTIONS
from routing.domain.rules import CachePolicy, Decision, RuleSet, Source, StaysTrue

_CLASSIFIED = {Source.CLASSIFIER, Source.CLASSIFIER_FALLBACK, Source.VECTOR}
_LASTING = {StaysTrue.TIMELESS, StaysTrue.MONTHS}


def reusable(decision: Decision, rules: RuleSet) -> bool:
    """Whether the same user may get it again: a classifier decided on it (or its
    earlier verdicts did), its question stands alone,
    it is not outdated at once, and its rule allows it."""
    return decision.self_contained and _kept(decision, rules)


def shareable(decision: Decision, rules: RuleSet) -> bool:
    """Whether other users may get it, too: it is impersonal, holds for longer than a day, and its rule
    says so. Personal data in the question itself is checked elsewhere."""
    rule = rules.rule(decision.rule or "")
    return (
        reusable(decision, rules)
        and decision.impersonal
        and decision.stays_true in _LASTING
        and rule is not None
        and rule.cache is CachePolicy.SHARED
    )


def asked_again_as(decision: Decision, prompt: str, rules: RuleSet) -> str | None:
    """The words under which a follow-up may be looked up: its own where they stand alone, else the
    classifier's; ``None`` where its answers are not kept or there are no words."""
    if not _kept(decision, rules):
        return None
    return prompt if decision.self_contained else decision.standalone or None


def _kept(decision: Decision, rules: RuleSet) -> bool:
    rule = rules.rule(decision.rule or "")
    return (
        ACTIONS[decision.action].reusable
        and decision.source in _CLASSIFIED
        and decision.stays_true is not StaysTrue.NEVER
        and rule is not None
        and rule.cache is not CachePolicy.NEVER
    )
