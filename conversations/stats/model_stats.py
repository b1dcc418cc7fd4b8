"""How models do: sums per day, model and rule, added up as answers end and people judge them.

An answer belongs to the UTC day on which it was begun, and so do the verdicts on it. Tokens and cost
go to the model that was paid for them, whatever came of it; times are those of calls that answered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models import F

from conversations.models import Message, ModelPerformance
from routing.domain.llm import Attempt

if TYPE_CHECKING:
    from conversations.domain.outcome import Outcome

Sums = Mapping[str, Any]
"""By how much each column grows: whole numbers, and a ``Decimal`` for ``cost_usd``."""


class Row(NamedTuple):
    """Which row. Rows are locked in the order of these fields."""

    day: date
    model: str
    rule: str


def answer_sums(*, outcome: Outcome, begun: datetime) -> Mapping[Row, Sums]:
    """What an answer that was begun then adds."""
    rule = (outcome.decision.rule or "") if outcome.decision else ""
    day = _day(begun)
    return {Row(day, model, rule): sums for model, sums in _sums_by_model(outcome).items()}


def attempts_counted(*, attempts: Sequence[Attempt], rule: str) -> None:
    """Count calls that no answer came of, made just now: tokens and cost are paid all the same."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in attempts:
        sums[attempt.model].update(_attempt_sums(attempt))
    add({Row(_day(datetime.now(UTC)), model, rule): counted for model, counted in sums.items()})


def feedback_counted(*, message: Message, before: str | None, after: str | None) -> None:
    """Move one person's verdict, on the day of the answer it judges."""
    if before == after or not message.model:
        return
    changes = {f"feedback_{verdict}": by for verdict, by in ((before, -1), (after, 1)) if verdict}
    add({Row(_day(message.created_at), message.model, message.rule): changes})


def _sums_by_model(outcome: Outcome) -> Mapping[str, Sums]:
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in outcome.attempts:
        if attempt.operation != "embedding":
            sums[attempt.model].update(_attempt_sums(attempt))
    decision = outcome.decision
    if decision and decision.model and outcome.status == Message.Status.COMPLETE:
        sums[decision.model].update(_answer_sums(outcome, decision.model))
    return sums


def _attempt_sums(attempt: Attempt) -> dict[str, Any]:
    """What a call took: it is billed also when it failed, was discarded or was stopped."""
    return {
        "errors": int(not attempt.ok and attempt.outcome != "cancelled"),
        "input_tokens": attempt.usage.input_tokens,
        "output_tokens": attempt.usage.output_tokens,
        "cost_usd": attempt.usage.cost_usd or Decimal(0),
    }


def _answer_sums(outcome: Outcome, model: str) -> dict[str, Any]:
    cached = outcome.cache.outcome in {"exact", "semantic"}
    return {
        "answers": 1,
        "failovers": int(bool(outcome.decision and outcome.decision.fallback)),
        "cache_hits": int(cached),
        **({} if cached else _times(outcome, model)),
    }


def _times(outcome: Outcome, model: str) -> dict[str, int]:
    """Milliseconds of the call that answered: not of those that failed before it."""
    answering = [
        attempt
        for attempt in outcome.attempts
        if attempt.ok and attempt.model == model and attempt.operation in {"chat", "image"}
    ]
    if not answering:
        return {}
    call = answering[-1]
    times = {"total_ms_sum": round((call.ended_ns - call.started_ns) / 1e6)}
    if call.first_token_ms is not None:
        times |= {"first_token_count": 1, "first_token_ms_sum": round(call.first_token_ms)}
    return times


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


@transaction.atomic
def add(changes: Mapping[Row, Sums]) -> None:
    """Let each row grow. The order is the same for everybody: two answers that touch the same rows in
    different orders would wait for each other's locks for ever."""
    for row in sorted(changes):
        rows = ModelPerformance.objects.filter(**row._asdict())
        grown = {column: F(column) + by for column, by in changes[row].items() if by}
        if grown and not rows.update(**grown):
            ModelPerformance.objects.get_or_create(**row._asdict())
            rows.update(**grown)
