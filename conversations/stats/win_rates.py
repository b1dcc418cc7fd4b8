"""Win rates: the share of good verdicts by rule and model, and suggestions of other models.

Suggestions are for people to read: nothing here writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, QuerySet, Sum

from conversations.models import ModelPerformance
from routing.common.statistics import Estimate, share
from routing.domain.rules import plain_name
from routing.models import LLMModel, Rule

ENOUGH = 30
"""Verdicts on each of two models, below which they are not compared."""


@dataclass(frozen=True, slots=True)
class WinRate:
    """The share of verdicts under ``rule`` that were good for ``model``'s answers."""

    rule: str
    model: str
    liked: Estimate

    @property
    def enough(self) -> bool:
        """Whether it may be compared with others."""
        return self.liked.count >= ENOUGH

    @property
    def in_words(self) -> str:
        """``91 % (84-95) of 143``: the share, its 95 % interval, the verdicts."""
        rate, low, high = (
            f"{100 * part:.0f}" for part in (self.liked.value, self.liked.low, self.liked.high)
        )
        return f"{rate} % ({low}-{high}) of {self.liked.count:,}"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A better model for the rule with this primary key: the intervals of ``better`` and ``present`` do not
    touch."""

    rule: int
    present: WinRate
    better: WinRate

    @property
    def model(self) -> str:
        """Name of the better model in the form of the rule."""
        return plain_name(self.better.model)


def win_rates(rows: QuerySet[ModelPerformance]) -> list[WinRate]:
    """Win rates by rule; under each rule the best first."""
    sums = (
        rows.order_by()
        .values("rule", "model")
        .annotate(good=Sum("feedback_good"), total=Sum(F("feedback_good") + F("feedback_bad")))
    )
    rates = [
        WinRate(row["rule"], row["model"], liked)
        for row in sums
        if (liked := share(max(0, row["good"]), row["total"]))
    ]
    return sorted(rates, key=lambda rate: (rate.rule, -rate.liked.value, rate.model))


def suggestions(rates: Sequence[WinRate]) -> list[Suggestion]:
    """Suggestions for the rules with a model of the same kind that is clearly better."""
    by_rule: defaultdict[str, list[WinRate]] = defaultdict(list)
    for rate in rates:
        if rate.enough:
            by_rule[rate.rule].append(rate)
    if not by_rule:
        return []
    kinds = dict(LLMModel.objects.filter(enabled=True).values_list("name", "kind"))
    rules = Rule.objects.filter(enabled=True, name__in=by_rule).select_related("model")
    candidates = (_suggest(rule, by_rule[rule.name], kinds) for rule in rules)
    return [candidate for candidate in candidates if candidate]


def _suggest(rule: Rule, rates: Sequence[WinRate], kinds: Mapping[str, str]) -> Suggestion | None:
    """A stand-in is compared with other stand-ins only, never with real models."""
    if rule.model is None:
        return None
    for present in (rate for rate in rates if plain_name(rate.model) == rule.model.name):
        better = [
            rate
            for rate in rates
            if kinds.get(plain_name(rate.model)) == rule.model.kind
            and _stands_in(rate) == _stands_in(present)
            and rate.liked.value > present.liked.value
            and rate.liked.apart_from(present.liked)
        ]
        if better:
            return Suggestion(rule.pk, present, max(better, key=lambda rate: rate.liked.low))
    return None


def _stands_in(rate: WinRate) -> bool:
    return plain_name(rate.model) != rate.model
