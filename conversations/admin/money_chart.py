"""Money chart: where the money of a period went and what was saved, beside the same answers without routing.

Paid sums are the ledger's, of the page's days (UTC). Savings are estimates at today's prices of the published models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from conversations.evaluation.rule_sets import live_rules
from conversations.stats.chart import Chart, Series
from conversations.stats.charts import CHARTS, PURPOSES, saved_by_day
from conversations.stats.period import Period
from conversations.usage.report import usage_between
from routing.domain.actions import ModelKind
from routing.domain.llm import Usage
from routing.domain.rules import ModelRef, plain_name
from routing.llm.providers.late import litellm

PART = 1_000
"""Tokens at a time: prices of long prompts are others."""
ROUTED = ("classify", "chat")
"""Purposes that a site without routing pays in one: the dearest model answers, and nothing is decided."""


@dataclass(frozen=True, slots=True)
class _Price:
    """US dollars of a token."""

    input: Decimal
    cached: Decimal
    output: Decimal

    def of(self, row: Mapping[str, Any]) -> Decimal:
        """The cost of all tokens of a row."""
        read = row["input_tokens"] - row["cached_tokens"]
        cached, written = row["cached_tokens"], row["output_tokens"]
        return Decimal(read * self.input + cached * self.cached + written * self.output)


def money_chart(period: Period) -> Chart:
    """Bars: without routing, what each purpose cost, and what routing, stored answers and prompt caches saved."""
    rows = usage_between(*period.bounds, by=["model", "purpose"])
    rules = live_rules().rules
    models = rules.models if rules else ()
    prices = {model.name: price for model in models if (price := _price(model))}
    chat = [row for row in rows if row["purpose"] == "chat"]
    able = [model.name for model in models if model.kind is ModelKind.CHAT and model.name in prices]
    by_one = {name: _total(chat, prices[name].of) for name in able}
    dearest = max(by_one, key=lambda name: by_one[name], default="")
    paid: Counter[str] = Counter()
    for row in rows:
        paid[row["purpose"]] += Decimal(row["cost_usd"])  # type: ignore[assignment]  # exact sums
    bars: dict[str, Any] = (
        {f"Without routing: all by {dearest}": by_one[dearest]} if dearest else {}
    )
    bars |= {label: paid[name] for name, label in PURPOSES.items()}
    if dearest:
        bars["Saved by routing"] = by_one[dearest] - sum(paid[name] for name in ROUTED)
    bars["Saved by stored answers (estimated)"] = sum(saved_by_day(period))
    bars["Saved by prompt caches"] = _total(rows, lambda row: _uncached(row, prices))
    note = "Savings are at today's prices; less than nothing where the choice was the dearer one."
    series = [Series("US dollars", [float(value) for value in bars.values()])]
    return Chart("money", "Where the money went, and what was saved", "What", "usd", list(bars), series, note, across=True)  # fmt: skip


def _total(
    rows: Iterable[Mapping[str, Any]], cost: Callable[[Mapping[str, Any]], Decimal]
) -> Decimal:
    return sum(map(cost, rows), Decimal(0))


def _uncached(row: Mapping[str, Any], prices: Mapping[str, _Price]) -> Decimal:
    price = prices.get(plain_name(row["model"])) or prices.get(row["model"])
    return row["cached_tokens"] * (price.input - price.cached) if price else Decimal(0)


def _price(model: ModelRef) -> _Price | None:
    """``None`` where no price is known."""
    costs = (
        litellm.priced(model, Usage(PART, 0)).cost_usd,
        litellm.cached_input_cost(model, PART),
        litellm.priced(model, Usage(0, PART)).cost_usd,
    )
    known = [cost / PART for cost in costs if cost is not None]
    return _Price(*known) if len(known) == len(costs) else None


PICTURES: Mapping[str, Callable[[Period], Chart]] = {"money": money_chart, **CHARTS}
"""The charts of the page, by their names in addresses."""
