"""Statistics tables: sums that grow as answers end, as people judge them, as shadow versions decide.

``MODELS`` has a row for each day (UTC), model and rule. An answer belongs to the day on which it began,
and so do the verdicts on it. Tokens and cost go to the model that was paid for them, also by calls that
failed; times are those of calls that answered.

``VERSIONS`` has a row for each published version and rule. Costs are those of the answer, with the
classification summed beside them; times are those that the person waited. Answers from the cache count
as answers and as hits, not as cost or time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, transaction

from conversations.db.access import Increase
from conversations.models import Message, ModelPerformance, ShadowDecision, VersionPerformance
from routing.domain.llm import Attempt, Usage
from routing.domain.rules import Decision

if TYPE_CHECKING:
    from conversations.domain.outcome import RunOutcome

Key = tuple[Any, ...]
"""Values of a table's key columns, ready for JSON: a day is text such as ``2026-11-28``."""
Increments = Mapping[str, Any]
"""By how much each column grows: whole numbers, and a ``Decimal`` for US dollars."""


class StatsTable:
    """Statistics table: rows of ``model``, one for each combination of the ``keys`` columns."""

    def __init__(self, model: type[models.Model], *keys: str) -> None:
        self._increase = Increase(model, *keys)

    @transaction.atomic
    def add(self, changes: Mapping[Key, Increments]) -> None:
        """Let each row grow; a missing row begins with zeros."""
        # Sorted: two transactions that lock the same rows in different orders would deadlock.
        self._increase({key: changes[key] for key in sorted(changes) if any(changes[key].values())})


MODELS = StatsTable(ModelPerformance, "day", "model", "rule")
VERSIONS = StatsTable(VersionPerformance, "ruleset", "rule")


def model_increments(outcome: RunOutcome, started: datetime) -> Mapping[Key, Increments]:
    """Increments of ``MODELS`` for an answer that began at ``started``."""
    rule = (outcome.decision.rule or "") if outcome.decision else ""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in outcome.attempts:
        sums[attempt.model].update(_attempt_increments(attempt))
    decision = outcome.decision
    if decision and decision.model and outcome.status == Message.Status.COMPLETE:
        sums[decision.model].update(_answer_increments(outcome, decision.model))
    return {(day_of(started), model, rule): increments for model, increments in sums.items()}


def _attempt_increments(attempt: Attempt) -> dict[str, Any]:
    """Cost of one call: it is billed also when it failed, was discarded or was stopped."""
    return {
        "errors": int(not attempt.ok and attempt.outcome != "cancelled"),
        "input_tokens": attempt.usage.input_tokens,
        "output_tokens": attempt.usage.output_tokens,
        "cost_usd": attempt.usage.cost_usd or Decimal(0),
        "unpriced": attempt.usage.unpriced,
    }


def _answer_increments(outcome: RunOutcome, model: str) -> dict[str, Any]:
    cached = outcome.cache.outcome in {"exact", "semantic"}
    return {
        "answers": 1,
        "failovers": int(bool(outcome.decision and outcome.decision.fallback)),
        "cache_hits": int(cached),
        **({} if cached else _times(outcome, model)),
    }


def _times(outcome: RunOutcome, model: str) -> dict[str, int]:
    """Milliseconds of the call that answered: not of those that failed before it."""
    for call in reversed(outcome.attempts):
        if call.ok and call.model == model and call.operation in {"chat", "image"}:
            times = {"total_ms_sum": round((call.ended_ns - call.started_ns) / 1e6)}
            if call.first_token_ms is not None:
                times |= {"first_token_count": 1, "first_token_ms_sum": round(call.first_token_ms)}
            return times
    return {}


def version_increments(outcome: RunOutcome) -> Mapping[Key, Increments]:
    """Increments of ``VERSIONS`` for an answer or its failure."""
    decision = outcome.decision
    if decision is None or decision.ruleset is None:
        return {}
    key = decision.ruleset, decision.rule or ""
    if outcome.status == Message.Status.FAILED:
        return {key: {"failures": 1}}
    answer = {
        "answers": 1,
        "refusals": int(decision.refused),
        "fallbacks": int(decision.fallback),
    }
    return {key: answer | _cost_and_times(outcome)}


def _cost_and_times(outcome: RunOutcome) -> dict[str, Any]:
    if outcome.cache.outcome in {"exact", "semantic"}:
        return {"cache_hits": 1}
    cost = outcome.usage.cost_usd or Decimal(0)
    classify = [attempt.usage for attempt in outcome.attempts if attempt.operation == "classify"]
    sums = {
        "total_count": 1,
        "total_ms_sum": outcome.total_ms,
        "total_ms_squares": float(outcome.total_ms) ** 2,
        "cost_usd": cost,
        "unpriced": int(bool(outcome.usage.unpriced)),
        "cost_squares": float(cost) ** 2,
        "classify_tokens": sum(usage.input_tokens + usage.output_tokens for usage in classify),
        "classify_cost_usd": sum((usage.cost_usd or Decimal(0) for usage in classify), Decimal(0)),
        "classify_unpriced": int(any(usage.unpriced for usage in classify)),
    }
    if (first_token := outcome.first_token_ms) is not None:
        sums |= {
            "first_token_count": 1,
            "first_token_ms_sum": first_token,
            "first_token_ms_squares": float(first_token) ** 2,
        }
    return sums


def feedback_count(*, message: Message, before: str | None, after: str | None) -> None:
    """Move one person's verdict in both tables, on the day of the answer that it judges."""
    if before == after:
        return
    changes = {f"feedback_{verdict}": by for verdict, by in ((before, -1), (after, 1)) if verdict}
    if message.model:
        MODELS.add({(day_of(message.created_at), message.model, message.rule): changes})
    if message.ruleset is not None:
        VERSIONS.add({(message.ruleset, message.rule): changes})


@transaction.atomic
def shadow_record(
    *, message: UUID, instead_of: Decision, decision: Decision, attempts: Sequence[Attempt]
) -> None:
    """Keep and count the decision of a version in shadow, unless its message was deleted meanwhile."""
    if decision.ruleset is None or not Message.objects.filter(pk=message).exists():
        return
    usage = sum((attempt.usage for attempt in attempts), Usage())
    shadow = ShadowDecision.objects.create(
        message_id=message,
        ruleset=decision.ruleset,
        agrees=(decision.action, decision.model) == (instead_of.action, instead_of.model),
        action=decision.action.value,
        source=decision.source.value,
        model=decision.model or "",
        rule=decision.rule or "",
        reason=decision.reason,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
        total_ms=round(sum(attempt.ended_ns - attempt.started_ns for attempt in attempts) / 1e6),
    )
    # No answer came of these calls: their tokens and cost were paid all the same.
    paid: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in attempts:
        paid[attempt.model].update(_attempt_increments(attempt))
    today = day_of(datetime.now(UTC))
    MODELS.add({(today, model, shadow.rule): increments for model, increments in paid.items()})
    increments = {
        "shadow_decisions": 1,
        "shadow_agreed": int(shadow.agrees),
        "shadow_ms_sum": shadow.total_ms,
        "shadow_cost_usd": shadow.cost_usd or Decimal(0),
        "shadow_unpriced": int(bool(usage.unpriced)),
    }
    VERSIONS.add({(shadow.ruleset, shadow.rule): increments})


def day_of(moment: datetime) -> str:
    """The day (UTC) as the keys of the tables have it."""
    return moment.astimezone(UTC).date().isoformat()
