"""Offer: which changes of the rules a verdict outlives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from routing.classifier.classification import parse_classification
from routing.classifier.offer import Offer
from routing.domain.actions import Action, ModelKind
from routing.domain.rules import HELPER_RULE, ModelRef, Rule, RuleSet
from tests.fakes import RULES

SMALL = ModelRef("small", "openai/small", "openai", ModelKind.CLASSIFIER)
BEFORE = replace(RULES, models=(*RULES.models, SMALL), classifiers=("small",))


def changed(name: str, **fields: Any) -> RuleSet:
    rules = [replace(one, **fields) if one.name == name else one for one in BEFORE.rules]
    return replace(BEFORE, rules=tuple(rules))


def kept(after: RuleSet) -> set[str]:
    """The names of rules whose verdicts still hold."""
    old, new = Offer.of(BEFORE), Offer.of(after)
    return {rule.name for digest, rule in old.rules.items() if digest in new.rules}


ALL = {rule.name for rule in RULES.rules}


@pytest.mark.parametrize(
    "fields",
    [
        {"instruction": "other"},
        {"examples_for": ("One.",)},
        {"examples_against": ("One.",)},
        {"priority": 1},
        {"action": Action.REFUSE},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_rule_that_is_read_otherwise_forgets_its_own_verdicts_alone(
    fields: dict[str, Any],
) -> None:
    after = changed("reasoning", **fields)

    assert kept(after) == ALL - {"reasoning"}
    assert Offer.of(after).digest != Offer.of(BEFORE).digest


def test_what_no_classifier_reads_changes_nothing() -> None:
    after = changed("reasoning", model="gpt", fallbacks=(), cache_ttl_seconds=5)
    after = replace(after, version=9, min_similarity=0.8)

    assert Offer.of(after).digest == Offer.of(BEFORE).digest


@pytest.mark.parametrize(
    "after",
    [
        replace(BEFORE, default_rule="reasoning"),
        replace(BEFORE, classifiers=("gpt",)),
        replace(BEFORE, models=(*RULES.models, replace(SMALL, litellm_name="openai/other"))),
    ],
    ids=["default rule", "classifier", "the model behind its name"],
)
def test_what_every_verdict_rests_on_forgets_all(after: RuleSet) -> None:
    assert kept(after) == set()


def test_a_new_rule_is_another_offer_of_the_same_rules() -> None:
    after = replace(BEFORE, rules=(*BEFORE.rules, Rule("law", "law", Action.ANSWER, "gpt")))

    assert kept(after) == ALL
    assert Offer.of(after).digest != Offer.of(BEFORE).digest


def test_the_rule_of_helper_prompts_is_no_choice() -> None:
    after = replace(BEFORE, rules=(*BEFORE.rules, Rule(HELPER_RULE, "x", Action.ANSWER, "gpt")))

    assert Offer.of(after).digest == Offer.of(BEFORE).digest
    assert Offer.of(after).rule_of(HELPER_RULE) is None
    assert Offer.of(after).rule_of("no") in Offer.of(after).rules
    verdict = {"reason": "", "self_contained": True, "impersonal": True, "stays_true": "months"}
    for name, is_known in (("no", True), (HELPER_RULE, False), ("nobody", False)):
        reply = json.dumps({"rule": name, "standalone": "", "suggestions": [], **verdict})
        assert bool(parse_classification(reply, after)) is is_known
