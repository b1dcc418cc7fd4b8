"""Which rules the classifier reads where there are many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from conversations.adapters.decision_vectors.rule_retrieval import LEAST, NearestRules
from routing.classifier.retrieval import MOST
from routing.domain.actions import Action
from routing.domain.rules import Rule, RuleSet
from tests.classifier.rules import HARM, PICTURES, RULES

pytestmark = pytest.mark.pure

SUBJECTS = 60
DIMENSIONS = SUBJECTS + 8
BROAD = Rule(
    "reasoning", "Thought.", Action.ANSWER, "gpt", examples_for=("spread 1", "spread 2", "spread 3")
)
UNTOLD = Rule("untold", "subject 3", Action.ANSWER, "gpt")
ONES = tuple(
    Rule(
        f"subject-{at}", f"subject {at}", Action.ANSWER, "gpt", examples_for=(f"subject {at}",) * 2
    )
    for at in range(SUBJECTS)
)
MANY = replace(RULES, rules=(*RULES.rules, BROAD, UNTOLD, *ONES))
ALWAYS = {"harm", "pictures", "general", "complex-reasoning", "reasoning", "untold"}


def vector(text: str) -> NDArray[np.float32]:
    """Each subject is a direction; spread ones, and all other texts, lie across all of them."""
    kind, _, number = text.partition(" ")
    at = {"subject": 0, "spread": SUBJECTS}.get(kind)
    made = np.zeros(DIMENSIONS, np.float32)
    made[SUBJECTS + 7 if at is None else at + int(number)] = 1
    return made


class Texts:
    """The vectors of rules; none until ``ready``."""

    def __init__(self, *, ready: bool = True) -> None:
        self.ready = ready

    def known(self, rules: Mapping[str, Rule]) -> dict[str, NDArray[np.float32]] | None:
        if not self.ready:
            return None
        return {
            digest: np.array([vector(text) for text in (*rule.examples_for, rule.instruction)])
            for digest, rule in rules.items()
        }


def sent(
    question: str, rules: RuleSet = MANY, *, least: int = 48, ready: bool = True
) -> tuple[Sequence[Rule], Sequence[Rule]] | None:
    """The rules that are always sent, and the near ones."""
    made = NearestRules(Texts(ready=ready), lambda text: text != "日本", least)
    found = made.choose(question, vector(question).tolist(), rules)
    return (found.instructions.listed, found.near) if found else None


def test_the_nearest_rules_are_sent_beside_those_that_always_are() -> None:
    found = sent("subject 30")
    assert found
    always, near = found

    assert {rule.name for rule in always} == ALWAYS
    assert "subject-30" in {rule.name for rule in near}
    assert len(near) == LEAST
    assert [rule.name for rule in near] == sorted(rule.name for rule in near)


def test_a_question_near_none_has_the_most_that_are_sent() -> None:
    found = sent("something else")
    assert found
    assert len(found[1]) == MOST


@pytest.mark.parametrize(
    "told",
    [
        ("subject 1", replace(MANY, rules=MANY.rules[:47])),
        ("日本", MANY),
        ("subject 1" + " " * 1_000, MANY),
        ("subject 1", replace(MANY, rules=(HARM, PICTURES, *RULES.rules, *[BROAD] * 50))),
    ],
    ids=["few rules", "an unreadable question", "a long one", "few rules that are found"],
)
def test_all_rules_are_sent_where_nothing_can_be_left_out(told: tuple[str, RuleSet]) -> None:
    assert sent(*told) is None


def test_all_rules_are_sent_without_vectors_of_theirs_and_where_it_is_off() -> None:
    assert sent("subject 1", ready=False) is None
    assert sent("subject 1", least=0) is None
    assert sent("subject 1", least=len(MANY.rules)) is not None
