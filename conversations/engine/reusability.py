"""Whether an answer may be used again, and by whom, as far as its decision tells. Pure."""

from __future__ import annotations

from routing.domain.actions import ACTIONS
from routing.domain.rules import CachePolicy, Decision, Rule, RuleSet, Source, StaysTrue

_CLASSIFIED = {Source.CLASSIFIER, Source.CLASSIFIER_FALLBACK}
_LASTING = {StaysTrue.TIMELESS, StaysTrue.MONTHS}


def reusable(decision: Decision, rules: RuleSet) -> bool:
    """Whether its own person may be given it again: an answer that a classifier decided on, to words
    that stand alone, that is not wrong at once, under a rule that allows it."""
    rule = _rule(decision, rules)
    return (
        ACTIONS[decision.action].reusable
        and decision.source in _CLASSIFIED
        and decision.self_contained
        and decision.stays_true is not StaysTrue.NEVER
        and rule is not None
        and rule.cache is not CachePolicy.NEVER
    )


def shareable(decision: Decision, rules: RuleSet) -> bool:
    """Whether others may, too: it is about nobody and holds for longer than a day, and the rule says
    so. Whether the words themselves tell of somebody is not known here."""
    rule = _rule(decision, rules)
    return (
        reusable(decision, rules)
        and decision.impersonal
        and decision.stays_true in _LASTING
        and rule is not None
        and rule.cache is CachePolicy.SHARED
    )


def asked_again_as(decision: Decision, prompt: str, rules: RuleSet) -> str | None:
    """The words under which a follow-up may be looked up: its own where they stand alone, else the
    classifier's where the rule keeps answers; ``None`` where there are none."""
    rule = _rule(decision, rules)
    if (
        not ACTIONS[decision.action].reusable
        or decision.source not in _CLASSIFIED
        or decision.stays_true is StaysTrue.NEVER
        or rule is None
        or rule.cache is CachePolicy.NEVER
    ):
        return None
    return prompt if decision.self_contained else decision.standalone or None


def _rule(decision: Decision, rules: RuleSet) -> Rule | None:
    return rules.rule(decision.rule or "")
