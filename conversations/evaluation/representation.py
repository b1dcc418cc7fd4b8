"""Presenter of a trial: the JSON object of the API and of ``manage.py decide``."""

from __future__ import annotations

from typing import Any

from conversations.evaluation.cache_preview import CachePreview
from conversations.evaluation.try_prompt import PromptTrial, RuleTrial
from conversations.storage.representations import (
    attempt_object,
    cache_object,
    decision_object,
    guard_object,
    usage_object,
)


def trial_object(trial: PromptTrial) -> dict[str, Any]:
    """JSON-ready: the guard's report, and the decision by each rule set."""
    return {
        "content": trial.prompt,
        "guard": guard_object(trial.guard) if trial.guard else None,
        "differs": trial.differs,
        "draft": _by_rules(trial.draft),
        "live": _by_rules(trial.live),
    }


def _by_rules(trial: RuleTrial) -> dict[str, Any]:
    outcome = trial.outcome
    return {
        "ruleset": trial.loaded.version,
        "faults": list(trial.loaded.faults),
        "decision": decision_object(outcome.decision, outcome.guard) if outcome else None,
        "classifier": outcome.classifier if outcome else None,
        "rules_sent": outcome.rules_sent if outcome else None,
        "vectors": outcome.opinion.as_json() if outcome and outcome.opinion else None,
        "usage": usage_object(outcome.usage) if outcome else None,
        "latency_ms": outcome.latency_ms if outcome else None,
        "attempts": [attempt_object(attempt) for attempt in outcome.attempts] if outcome else [],
        "cache": _cache(trial.cache) if trial.cache else None,
    }


def _cache(preview: CachePreview) -> dict[str, Any]:
    return {**cache_object(preview.facts), "outcome": preview.outcome, "model": preview.model}
