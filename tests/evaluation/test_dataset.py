"""Figures of labelled prompts, worked out by hand."""

from __future__ import annotations

import pytest

from routing.common.statistics import wilson
from routing.domain.actions import Action
from routing.domain.decide import Outcome
from routing.domain.guard import GuardReport
from routing.domain.rules import Decision, Source
from routing.evaluation.dataset import Labelled, expectation, expected_for, report
from routing.evaluation.expectations import Expected, failure
from tests.fakes import RULES, attempt


def outcome(rule: str | None, model: str | None = "gpt", **more: object) -> Outcome:
    found = RULES.rule(rule) if rule else None
    values: dict[str, object] = {"source": Source.CLASSIFIER, "verdict": "pass", **more}
    decision = Decision(
        action=found.action if found else Action.REFUSE,
        source=values["source"],  # type: ignore[arg-type]
        provider=None,
        model=model,
        rule=rule,
        reason="because",
        ruleset=7,
    )
    report = GuardReport(values["verdict"])  # type: ignore[arg-type]
    return Outcome(decision, report, (attempt(operation="classify"),), 10)


def labelled(name: str) -> Labelled:
    return Labelled("Hi", name, expectation(name, RULES))


def test_figures_by_hand() -> None:
    rows = [labelled(name) for name in ("general", "general", "reasoning", "refuse")]
    decided = [outcome(name) for name in ("general", "draw", "general", "no")]

    figures = report(rows, decided)

    assert (figures.prompts, figures.right, figures.accuracy) == (4, 2, 0.5)
    by_name = {each.name: each for each in figures.classes}
    general = by_name["general"]
    assert (general.precision, general.recall) == (0.5, 0.5)
    assert (by_name["reasoning"].precision, by_name["reasoning"].recall) == (None, 0.0)
    assert (by_name["refuse"].precision, by_name["refuse"].f1) == (1.0, 1.0)
    assert figures.matrix == {
        ("general", "general"): 1,
        ("general", "draw"): 1,
        ("reasoning", "general"): 1,
        ("refuse", "refuse"): 1,
    }
    assert (figures.input_tokens, figures.output_tokens) == (12, 20)


def test_no_rows_divide_nothing() -> None:
    figures = report([], [])
    assert (figures.accuracy, figures.interval, figures.latency_p95_ms) == (0.0, (0.0, 1.0), 0)


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(81, 263)  # Newcombe (1998), table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ("general", Expected(rules=("general",))),
        ("image", Expected(actions=("image",))),
        (["general", "reasoning"], Expected(rules=("general", "reasoning"))),
        ({"rule": "draw", "model": ["gpt-image"]}, Expected((), ("gpt-image",), ("draw",))),
    ],
)
def test_what_a_label_stands_for(told: object, made: Expected) -> None:
    assert expectation(told, RULES) == made


@pytest.mark.parametrize(
    "told", ["nobodys", ["general", "image"], {}, {"rulez": "general"}, {"model": "x"}, None, []]
)
def test_what_these_rules_don_t_have_is_refused(told: object) -> None:
    with pytest.raises(ValueError, match=r"names|takes|expects"):
        expectation(told, RULES)


def test_patterns_yield_to_the_label_itself() -> None:
    image, answer = Expected(actions=("image",)), Expected(actions=("answer",))
    mapping = {"image:*": image, "image:Text": answer}

    assert expected_for("image:Abstract", mapping) is image
    assert expected_for("image:Text", mapping) is answer
    assert expected_for("math", mapping) is None


def test_a_golden_case_holds_or_says_what_is_otherwise() -> None:
    expected = Expected(("answer",), ("gpt",), ("general",))

    assert failure(expected, outcome("general", "simulated/gpt")) == ""
    told = failure(expected, outcome("draw", "gpt-image"))
    assert "action “image” instead of “answer”" in told
    assert "model “gpt-image” instead of “gpt”" in told
    assert "rule “draw” instead of “general”" in told


def test_the_default_that_stood_in_proves_nothing() -> None:
    stood_in = outcome("general", source=Source.DEFAULT)
    held_back = outcome(None, None, source=Source.DEFAULT, verdict="block")

    assert failure(Expected(rules=("general",)), stood_in) == "because"
    assert failure(Expected(actions=("refuse",)), held_back) == ""
    assert stood_in.classifier is None
