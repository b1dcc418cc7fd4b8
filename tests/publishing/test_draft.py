"""The tables as a rule set, and every fault told at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from routing.domain.actions import Action, ModelKind
from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import CachePolicy
from routing.models import LLMModel, RoutingSettings, Rule
from routing.publishing.codec import ruleset_dump, ruleset_load
from routing.publishing.default_rules import seed_defaults
from routing.publishing.draft import ruleset_build

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def seeds(db: None) -> None:
    seed_defaults()


def change(table: Any, row: str, **fields: Any) -> None:
    table.objects.filter(name=row).update(**fields)


def faults() -> str:
    with pytest.raises(RuleSetInvalid) as caught:
        ruleset_build()
    return " ".join(caught.value.faults)


def test_the_seeds_make_a_valid_set_that_survives_json() -> None:
    rules = ruleset_build()
    assert rules.default_rule == "general"
    assert rules.classifiers == ("claude-haiku", "gpt-mini-classifier")
    assert ruleset_load(ruleset_dump(rules)) == rules


def test_every_seeded_answer_has_a_fallback_at_another_provider() -> None:
    rules = ruleset_build()
    for rule in rules.rules:
        if rule.action is Action.ANSWER:
            names = (rule.model or "", *rule.fallbacks)
            providers = {model.provider for name in names if (model := rules.model(name))}
            assert providers == {"openai", "anthropic"}, rule.name


def test_seeded_refusals_pictures_and_sensitive_answers_are_never_reused() -> None:
    rules = ruleset_build()
    for rule in rules.rules:
        if rule.action is not Action.ANSWER or rule.name == "sensitive":
            assert rule.cache is CachePolicy.NEVER, rule.name


def test_rules_come_by_priority_and_a_refusal_without_model() -> None:
    rules = ruleset_build()
    assert [rule.priority for rule in rules.rules] == sorted(rule.priority for rule in rules.rules)
    assert rules.rules[0].name == "not-allowed"
    assert rules.rules[0].model is None


def test_prices_and_timeouts_are_the_models_own() -> None:
    change(LLMModel, "gpt", input_price=Decimal("2.5"), first_token_timeout=7)
    model = ruleset_build().model("gpt")
    assert model is not None
    assert model.input_price == Decimal("2.5")
    assert model.timeouts.first_token == 7


def test_disabled_rules_and_models_are_left_out() -> None:
    change(Rule, "creative", enabled=False)
    change(LLMModel, "gpt-image", enabled=False)
    change(Rule, "draw", enabled=False)
    rules = ruleset_build()
    assert rules.rule("creative") is None
    assert rules.model("gpt-image") is None


def test_no_enabled_default() -> None:
    change(Rule, "general", enabled=False)
    assert "must be the default" in faults()


def test_a_default_that_refuses() -> None:
    change(Rule, "general", is_default=False)
    change(Rule, "not-allowed", is_default=True)
    assert "“not-allowed” must answer" in faults()


def test_a_disabled_model_is_named_with_every_rule_that_wants_it() -> None:
    change(LLMModel, "claude-sonnet", enabled=False)
    told = faults()
    assert "“sensitive” names “claude-sonnet”" in told  # as its model
    assert "“code” names “claude-sonnet”" in told  # as its fallback


def test_an_unknown_fallback() -> None:
    change(Rule, "code", fallbacks=["gpt-6"])
    assert "“code” names “gpt-6”" in faults()


@pytest.mark.parametrize(
    ("rule", "kind", "told"),
    [
        ("code", ModelKind.IMAGE, "“code” needs a model for chat; “gpt” is one for image"),
        ("draw", ModelKind.CHAT, "“draw” needs a model for image; “gpt-image” is one for chat"),
    ],
)
def test_models_of_the_wrong_kind(rule: str, kind: ModelKind, told: str) -> None:
    LLMModel.objects.filter(rules__name=rule).update(kind=kind)
    assert told in faults()


def test_an_answering_rule_without_a_model() -> None:
    change(Rule, "code", model=None)
    assert "“code” names no model" in faults()


def test_no_settings_at_all() -> None:
    RoutingSettings.objects.all().delete()
    assert "name no classifier" in faults()


def test_classifiers_that_cannot_classify() -> None:
    change(LLMModel, "claude-haiku", enabled=False)
    change(LLMModel, "gpt-mini-classifier", kind=ModelKind.EMBEDDING)
    told = faults()
    assert "“claude-haiku” is disabled" in told
    assert "“gpt-mini-classifier” is a model for embedding" in told


def test_no_fallback_classifier_is_fine() -> None:
    RoutingSettings.objects.update(classifier_fallback=None)
    assert ruleset_build().classifiers == ("claude-haiku",)


@pytest.mark.parametrize("value", ["gpt", ["gpt", 3], {"gpt": 1}, None])
def test_lists_that_are_none(value: Any) -> None:
    Rule.objects.filter(name="code").update(examples_for="" if value is None else value)
    assert "“examples_for” of the rule “code” must be a list of texts" in faults()


def test_seeding_twice_changes_nothing() -> None:
    change(Rule, "code", instruction="Mine.")
    assert not seed_defaults()
    assert Rule.objects.get(name="code").instruction == "Mine."
