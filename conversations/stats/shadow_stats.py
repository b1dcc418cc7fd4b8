"""What versions in shadow decided, kept beside the message and metered."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from conversations.models import Message, ShadowDecision
from conversations.stats import model_stats as performance
from conversations.stats import version_stats as version_performance
from routing.domain.llm import Attempt, Usage
from routing.domain.rules import Decision


@transaction.atomic
def shadow_record(
    *, message: UUID, instead_of: Decision, decision: Decision, attempts: Sequence[Attempt]
) -> None:
    """Keep and meter what a version in shadow decided, unless its message was deleted meanwhile."""
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
    performance.attempts_counted(attempts=attempts, rule=shadow.rule)
    version_performance.shadow_counted(shadow=shadow)
