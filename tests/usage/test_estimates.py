"""Estimates: the worst case of a run, before it begins."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from conversations.usage.estimates import ANSWER_WINDOWS, ROUND, Estimator
from routing.domain.actions import ModelKind
from routing.domain.llm import Usage
from routing.domain.rules import ModelRef
from tests.fakes import RULES, turn

pytestmark = pytest.mark.pure
OMNI = ModelRef("omni", "openai/omni", "openai", ModelKind.CHAT)
LONGEST = 4 * ROUND


def moderated(*, answers: bool, dollars: int) -> list[int]:
    """The tokens that are reserved for calls of the moderating model."""

    def price(model: ModelRef, usage: Usage) -> Usage:
        return replace(usage, cost_usd=Decimal(dollars if model == OMNI else 1))

    estimator = Estimator(
        price, output_tokens=LONGEST, memory_tokens=0, moderator=OMNI, moderates_answers=answers
    )
    case = estimator.chat(turn("Hello."), RULES, system_prompt="")
    return [call.tokens for call in case.fixed if call.model == OMNI.name]


def test_words_on_an_answer_are_reserved_where_they_cost_something() -> None:
    assert moderated(answers=False, dollars=1) == [ROUND]
    assert moderated(answers=True, dollars=1) == [ROUND, ANSWER_WINDOWS * LONGEST]
    assert moderated(answers=True, dollars=0) == []
