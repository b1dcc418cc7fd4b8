"""The price of the rules in each classifier's prompt, with and without the provider's cache."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.template.loader import render_to_string

from routing.classifier.retrieval import MOST
from routing.publishing.draft import ClassifierPrompt
from routing.publishing.validation import prompt_tokens
from tests.classifier.rules import GENERAL, RULES


def test_long_rules_are_priced_with_and_without_the_cache() -> None:
    short = ClassifierPrompt.of(RULES)
    assert short.cached_cost_usd is None
    long = replace(RULES.rules[0], instruction="word " * 6_000)
    costly = ClassifierPrompt.of(replace(RULES, rules=(long, *RULES.rules[1:])))
    assert costly.tokens >= 4_096
    assert costly.cost_usd is not None
    assert costly.cached_cost_usd is not None
    assert costly.cached_cost_usd < costly.cost_usd / 5


def test_of_many_rules_the_most_that_are_sent_are_priced(settings: LazySettings) -> None:
    examples = tuple(f"What about {word}?" for word in ("tea", "salt"))
    many = [
        replace(GENERAL, name=f"more-{at}", examples_for=examples, instruction="word " * (at + 100))
        for at in range(120)
    ]
    ruleset = replace(RULES, rules=(*RULES.rules, *many))
    near, whole = ClassifierPrompt.of(ruleset), prompt_tokens(ruleset)
    settings.RULE_RETRIEVAL = 0
    everything = ClassifierPrompt.of(ruleset)

    assert near.all_tokens == everything.tokens == everything.all_tokens == whole
    # The longest third of the rules has more than a third of the tokens.
    assert MOST / 120 < near.tokens / whole < 0.4
    assert near.cost_usd
    assert everything.cost_usd
    assert float(near.cost_usd / everything.cost_usd) == pytest.approx(
        near.tokens / whole, abs=0.001
    )
    assert near.cached_cost_usd is None  # what is always sent is too little for a cache
    words = [
        render_to_string("routing/admin/prompt_cost.html", {"prompt": one})
        for one in (near, everything)
    ]
    assert ["up to" in told for told in words] == [True, False]
    assert f"all are sent, {whole:,} tokens" in words[0]


def test_the_part_that_is_always_sent_is_kept_by_the_provider(settings: LazySettings) -> None:
    settings.RULE_RETRIEVAL = 10
    harm = replace(RULES.rules[0], instruction="word " * 6_000)
    near = [replace(GENERAL, name=f"more-{at}", examples_for=("a", "b")) for at in range(MOST + 1)]
    prompt = ClassifierPrompt.of(replace(RULES, rules=(harm, *RULES.rules[1:], *near)))
    assert prompt.cost_usd
    assert prompt.cached_cost_usd
    assert prompt.cost_usd / 10 < prompt.cached_cost_usd < prompt.cost_usd / 2
