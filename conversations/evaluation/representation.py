"""A trial as the API and the command tell it."""

from __future__ import annotations

from typing import Any

from conversations.evaluation.cache_preview import CacheWord
from conversations.evaluation.try_prompt import PromptTrial, Tried
from conversations.storage.representations import (
    attempt_object,
    cache_object,
    decision_object,
    guard_object,
)
from routing.domain.decide import Outcome


def trial_object(trial: PromptTrial) -> dict[str, Any]:
    """JSON-ready: the guard's word, and each side's."""
    return {
        "content": trial.prompt,
        "guard": guard_object(trial.guard) if trial.guard else None,
        "differs": trial.differs,
        "draft": _side(trial.draft),
        "live": _side(trial.live),
    }


def _side(tried: Tried) -> dict[str, Any]:
    outcome = tried.outcome
    return {
        "ruleset": tried.side.version,
        "faults": list(tried.side.faults),
        "decision": decision_object(outcome.decision, outcome.guard) if outcome else None,
        "classifier": outcome.classifier if outcome else None,
        "usage": _usage(outcome) if outcome else None,
        "latency_ms": outcome.latency_ms if outcome else None,
        "attempts": [attempt_object(attempt) for attempt in outcome.attempts] if outcome else [],
        "cache": _cache(tried.cache) if tried.cache else None,
    }


def _usage(outcome: Outcome) -> dict[str, Any]:
    usage = outcome.usage
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": None if usage.cost_usd is None else f"{usage.cost_usd:.6f}",
    }


def _cache(word: CacheWord) -> dict[str, Any]:
    return {**cache_object(word.facts), "outcome": word.outcome, "model": word.model}
