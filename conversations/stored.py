"""What a message's row keeps of how its answer ended."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from routing.llm.types import Attempt

if TYPE_CHECKING:
    from conversations.services import Outcome


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """Columns and their values. A run that ended undecided leaves the decision's alone."""
    decision, cache, usage = outcome.decision, outcome.cache, outcome.usage
    decided = (
        {
            "action": decision.action.value,
            "source": decision.source.value,
            "provider": decision.provider or "",
            "model": decision.model or "",
            "rule": decision.rule or "",
            "reason": decision.reason,
            "ruleset": decision.ruleset,
            "fallback": decision.fallback,
        }
        if decision
        else {}
    )
    return {
        **decided,
        "status": outcome.status,
        "content": outcome.content,
        "guard": asdict(outcome.guard) if outcome.guard else None,
        "cache_outcome": cache.outcome,
        "cache_similarity": cache.similarity,
        "cache_entry": cache.entry,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
        "first_token_ms": outcome.first_token_ms,
        "total_ms": outcome.total_ms,
        "finish_reason": outcome.finish_reason,
        "attempts": [attempt_object(attempt) for attempt in outcome.attempts],
        "degraded": [{"part": part.part} for part in outcome.degraded],
        "script": list(outcome.script),
        "problem": outcome.problem,
        "finished_at": timezone.now(),
    }


def attempt_object(attempt: Attempt) -> dict[str, Any]:
    """What a message tells of one call to a model; no prompt, no provider's words."""
    cost = attempt.usage.cost_usd
    return {
        "operation": attempt.operation,
        "model": attempt.model,
        "provider": attempt.provider,
        "outcome": attempt.outcome,
        "input_tokens": attempt.usage.input_tokens,
        "output_tokens": attempt.usage.output_tokens,
        "cost_usd": None if cost is None else f"{cost:.6f}",
        "estimated": attempt.usage.estimated,
        "first_token_ms": attempt.first_token_ms and round(attempt.first_token_ms),
        "total_ms": round((attempt.ended_ns - attempt.started_ns) / 1e6),
    }
