"""How published versions do: sums per version and rule, added up as answers end and people judge them.

Costs are those of the answer, without the classification, which is summed beside them; times are what
the person waited. Answers from the cache count as answers and as hits, not as cost or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models import F

from conversations.models import Message, ShadowDecision, VersionPerformance
from conversations.stats.model_stats import Sums

if TYPE_CHECKING:
    from conversations.domain.outcome import Outcome


class Row(NamedTuple):
    """Which row. Rows are locked in the order of these fields."""

    ruleset: int
    rule: str


def answer_sums(*, outcome: Outcome) -> Mapping[Row, Sums]:
    """What an answer, or its failure, adds to the version and rule that decided it."""
    decision = outcome.decision
    if decision is None or decision.ruleset is None:
        return {}
    row = Row(decision.ruleset, decision.rule or "")
    if outcome.status == Message.Status.FAILED:
        return {row: {"failures": 1}}
    sums = {
        "answers": 1,
        "refusals": int(decision.refused),
        "fallbacks": int(decision.fallback),
        **_taken(outcome),
    }
    return {row: sums}


def feedback_counted(*, message: Message, before: str | None, after: str | None) -> None:
    """Move one person's verdict."""
    if before == after or message.ruleset is None:
        return
    changes = {f"feedback_{verdict}": by for verdict, by in ((before, -1), (after, 1)) if verdict}
    add({Row(message.ruleset, message.rule): changes})


def shadow_counted(*, shadow: ShadowDecision) -> None:
    """Count what a version in shadow decided, and what its classification cost."""
    sums = {
        "shadow_decisions": 1,
        "shadow_agreed": int(shadow.agrees),
        "shadow_ms_sum": shadow.total_ms,
        "shadow_cost_usd": shadow.cost_usd or Decimal(0),
    }
    add({Row(shadow.ruleset, shadow.rule): sums})


def _taken(outcome: Outcome) -> dict[str, Any]:
    if outcome.cache.outcome in {"exact", "semantic"}:
        return {"cache_hits": 1}
    cost = outcome.usage.cost_usd or Decimal(0)
    asked = [attempt.usage for attempt in outcome.attempts if attempt.operation == "classify"]
    return {
        "total_count": 1,
        "total_ms_sum": outcome.total_ms,
        "total_ms_squares": float(outcome.total_ms) ** 2,
        "cost_usd": cost,
        "cost_squares": float(cost) ** 2,
        "classify_tokens": sum(usage.input_tokens + usage.output_tokens for usage in asked),
        "classify_cost_usd": sum((usage.cost_usd or Decimal(0) for usage in asked), Decimal(0)),
        **_first_token(outcome.first_token_ms),
    }


def _first_token(milliseconds: int | None) -> dict[str, Any]:
    if milliseconds is None:
        return {}
    return {
        "first_token_count": 1,
        "first_token_ms_sum": milliseconds,
        "first_token_ms_squares": float(milliseconds) ** 2,
    }


@transaction.atomic
def add(changes: Mapping[Row, Sums]) -> None:
    """Let each row grow, in the same order everybody does."""
    for row in sorted(changes):
        rows = VersionPerformance.objects.filter(**row._asdict())
        grown = {column: F(column) + by for column, by in changes[row].items() if by}
        if grown and not rows.update(**grown):
            VersionPerformance.objects.get_or_create(**row._asdict())
            rows.update(**grown)
