"""How models do: sums per day, model and rule, added up as answers end and people judge them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils import timezone

from conversations.models import Message, ModelPerformance

if TYPE_CHECKING:
    from conversations.services import Outcome


def answer_counted(*, outcome: Outcome) -> None:
    """Count an answer for the model that gave it, and each failed attempt for the model that failed."""
    decision = outcome.decision
    rule = (decision.rule or "") if decision else ""
    for attempt in outcome.attempts:
        if attempt.operation != "classify" and not attempt.ok and attempt.outcome != "cancelled":
            _add(attempt.model, rule, {"errors": 1})
    if decision and decision.model and outcome.status == Message.Status.COMPLETE:
        _add(decision.model, rule, _answer_sums(outcome))


def _answer_sums(outcome: Outcome) -> dict[str, int | Decimal]:
    decision = outcome.decision
    cached = outcome.cache.outcome in {"exact", "semantic"}
    sums: dict[str, int | Decimal] = {
        "answers": 1,
        "failovers": int(bool(decision and decision.fallback)),
        "cache_hits": int(cached),
        "total_ms_sum": outcome.total_ms,
        "input_tokens": outcome.usage.input_tokens,
        "output_tokens": outcome.usage.output_tokens,
        "cost_usd": outcome.usage.cost_usd or Decimal(0),
    }
    if outcome.first_token_ms is not None:
        sums |= {"first_token_count": 1, "first_token_ms_sum": outcome.first_token_ms}
    return sums


def feedback_counted(*, message: Message, before: str | None, after: str | None) -> None:
    """Move one person's verdict, on the day of the answer it judges."""
    if before == after or not message.model:
        return
    changes: dict[str, int] = {}
    for verdict, by in ((before, -1), (after, 1)):
        if verdict:
            changes[f"feedback_{verdict}"] = by
    _add(message.model, message.rule, changes, day=message.created_at.date())


def _add(model: str, rule: str, sums: Mapping[str, int | Decimal], day: date | None = None) -> None:
    row, _ = ModelPerformance.objects.get_or_create(
        day=day or timezone.now().date(), model=model, rule=rule
    )
    ModelPerformance.objects.filter(pk=row.pk).update(
        **{field: F(field) + by for field, by in sums.items()}
    )
