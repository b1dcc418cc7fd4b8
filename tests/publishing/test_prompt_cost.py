"""The price of the rules in each classifier's prompt, with and without the provider's cache."""

from __future__ import annotations

from dataclasses import replace

from routing.publishing.draft import ClassifierPrompt
from tests.classifier.rules import RULES


def test_long_rules_are_priced_with_and_without_the_cache() -> None:
    short = ClassifierPrompt.of(RULES)
    assert short.cached_cost_usd is None
    long = replace(RULES.rules[0], instruction="word " * 6_000)
    costly = ClassifierPrompt.of(replace(RULES, rules=(long, *RULES.rules[1:])))
    assert costly.tokens >= 4_096
    assert costly.cost_usd is not None
    assert costly.cached_cost_usd is not None
    assert costly.cached_cost_usd < costly.cost_usd / 5
