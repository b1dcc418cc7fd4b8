"""The part of a rule set that is for one person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routing.domain.access import Access, RestrictedRuleSet, release_for, rules_for
from routing.domain.actions import Action, ModelKind
from routing.domain.decide import default_decision, helper_decision, requested_decision
from routing.domain.errors import ModelUnknown
from routing.domain.release import Release, Stage
from routing.domain.rules import SIMULATED_PREFIX, ModelRef, Rule, RuleSet
from routing.publishing.validation import ruleset_faults


def _model(name: str, kind: ModelKind = ModelKind.CHAT) -> ModelRef:
    return ModelRef(name, f"openai/{name}", "openai", kind)


RULES = RuleSet(
    version=3,
    rules=(
        Rule("law", "Law.", Action.ANSWER, "large", groups=("Legal",)),
        Rule("code", "Code.", Action.ANSWER, "large", ("small",)),
        Rule("hard", "Hard.", Action.ANSWER, "large"),
        Rule("draw", "Pictures.", Action.IMAGE, "brush"),
        Rule("harm", "Harm.", Action.REFUSE, refusal_reason="No."),
        Rule("rest", "All else.", Action.ANSWER, "large"),
    ),
    models=(
        _model("large"),
        _model("small"),
        _model("brush", ModelKind.IMAGE),
        _model("pencil", ModelKind.IMAGE),
        _model("reader", ModelKind.CLASSIFIER),
    ),
    default_rule="rest",
    classifiers=("reader",),
)
SMALL = Access(models=frozenset({"small"}))


def names(rules: RuleSet) -> list[str]:
    return [rule.name for rule in rules.rules]


def test_a_person_with_all_rights_has_the_very_same_rules() -> None:
    release = Release(1, RULES)
    assert rules_for(RULES, Access(frozenset({"Legal"}))) is RULES
    assert release_for(release, Access(frozenset({"Legal"}))) is release


def test_a_rule_for_a_group_is_for_its_members() -> None:
    assert names(rules_for(RULES, Access())) == ["code", "hard", "draw", "harm", "rest"]
    assert "law" in names(rules_for(RULES, Access(frozenset({"Legal", "Other"}))))
    # The list of a group that allows it opens no rule of another group.
    assert "law" not in names(rules_for(RULES, Access(rules=frozenset({"law"}))))


def test_a_list_of_rules_keeps_the_default_and_the_refusals() -> None:
    rules = rules_for(RULES, Access(rules=frozenset({"code"})))
    assert names(rules) == ["code", "harm", "rest"]


def test_no_path_leads_to_a_model_that_is_not_allowed() -> None:
    rules = rules_for(RULES, SMALL)

    assert [model.name for model in rules.models] == ["small"]
    assert names(rules) == ["code", "harm", "rest"]
    decisions = [default_decision(rules, ""), helper_decision(rules, "")]
    assert {decision.model for decision in decisions} == {"small"}
    for decision in (*decisions, requested_decision(rules, "small")):
        assert [model.name for model in rules.candidates(decision)] == ["small"]
    for name in ("large", "reader", "no-such"):
        with pytest.raises(ModelUnknown, match="No published model that answers has this name"):
            requested_decision(rules, name)
    assert [model.name for model in rules.classifying] == ["reader"]
    assert not rules.may_answer("brush")


def test_a_tool_uses_another_model_of_its_kind() -> None:
    rules = rules_for(RULES, Access(models=frozenset({"large", "pencil"})))
    rule = rules.rule("draw")
    assert rule
    assert rule.model == "pencil"


def test_without_any_model_the_default_rule_names_none() -> None:
    rules = rules_for(RULES, Access(models=frozenset({"brush"})))
    assert default_decision(rules, "").model is None
    assert names(rules) == ["draw", "harm", "rest"]


def test_a_stand_in_has_the_rights_of_its_model() -> None:
    rules = rules_for(RULES.simulated({"openai"}), SMALL)
    assert [model.name for model in rules.models] == [f"{SIMULATED_PREFIX}small"]
    assert requested_decision(rules, "small").model == f"{SIMULATED_PREFIX}small"
    assert [model.name for model in rules.classifying] == [f"{SIMULATED_PREFIX}reader"]


def test_answers_are_shared_by_people_with_equal_rights_alone() -> None:
    whole, none = RULES.fingerprint, rules_for(RULES, Access()).fingerprint
    small, again = rules_for(RULES, SMALL), rules_for(RULES, replace(SMALL, groups=frozenset("A")))
    assert len({whole, none, small.fingerprint}) == 3
    assert isinstance(small, RestrictedRuleSet)
    assert small.fingerprint == again.fingerprint


def test_a_trial_is_restricted_too() -> None:
    release = Release(1, RULES, replace(RULES, version=4), Stage.PERCENT, 99)
    for rules in (release_for(release, SMALL).rules_for(user) for user in range(20)):
        assert [model.name for model in rules.models] == ["small"]


def test_the_default_rule_must_be_for_everybody() -> None:
    rules = replace(RULES, rules=(replace(RULES.rules[-1], groups=("Legal",)),))
    assert "The default rule “rest” must be for everybody: it names groups." in ruleset_faults(
        rules
    )
