"""From the tables to a rule set: every fault found at once, told in words for the administrator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from routing.domain.actions import ACTIONS, Action, ModelKind
from routing.domain.errors import RuleSetInvalid
from routing.domain.reuse_policy import JudgeUse, ReusePolicy
from routing.domain.rules import CachePolicy, ModelRef, Rule, RuleSet, Timeouts
from routing.models import LLMModel, RoutingSettings
from routing.models import Rule as RuleRow
from routing.publishing.validation import ruleset_faults

_LISTS = ("fallbacks", "examples_for", "examples_against", "suggestions")


def ruleset_from_tables() -> RuleSet:
    """The enabled rules and models as version 0. Raises ``RuleSetInvalid`` with all faults."""
    rows = list(RuleRow.objects.filter(enabled=True).select_related("model"))
    models = list(LLMModel.objects.all())
    chosen = RoutingSettings.objects.select_related("classifier", "classifier_fallback").first()
    rules = _ruleset(rows, models, chosen or RoutingSettings())
    disabled = {row.name for row in models if not row.enabled}
    malformed = [fault for row in rows for fault in _list_faults(row)]
    if faults := (*ruleset_faults(rules, disabled=disabled), *malformed):
        raise RuleSetInvalid(faults)
    return rules


def _ruleset(rows: list[RuleRow], models: list[LLMModel], chosen: RoutingSettings) -> RuleSet:
    classifiers = [row.name for row in (chosen.classifier, chosen.classifier_fallback) if row]
    return RuleSet(
        version=0,
        rules=tuple(map(_rule, rows)),
        models=tuple(model_ref(row) for row in models if row.enabled),
        default_rule=next((row.name for row in rows if row.is_default), ""),
        classifiers=tuple(dict.fromkeys(classifiers)) if chosen.classifier else (),
        callers_choose=chosen.callers_choose,
        min_similarity=chosen.min_similarity,
        cache_ttl_seconds=chosen.cache_ttl_seconds,
        reuse=ReusePolicy(
            wrong_shared=chosen.wrong_shared,
            wrong_own=chosen.wrong_own,
            judge=cast("JudgeUse", chosen.judge),
            audited=chosen.audited_percent / 100,
        ),
    )


def _list_faults(row: RuleRow) -> Iterable[str]:
    for name in _LISTS:
        if not _is_words(getattr(row, name)):
            yield f"“{name}” of the rule “{row.name}” must be a list of texts."


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _words(value: Any) -> tuple[str, ...]:
    """A list as it should be; one that is none is told as a fault of its own."""
    return tuple(value) if _is_words(value) else ()


def _rule(row: RuleRow) -> Rule:
    answers = ACTIONS[Action(row.action)].model_kind is not None
    return Rule(
        name=row.name,
        instruction=row.instruction,
        action=Action(row.action),
        model=row.model.name if answers and row.model else None,
        fallbacks=_words(row.fallbacks) if answers else (),
        priority=row.priority,
        examples_for=_words(row.examples_for),
        examples_against=_words(row.examples_against),
        refusal_reason=row.refusal_reason,
        suggestions=_words(row.suggestions),
        cache=CachePolicy(row.cache),
        cache_ttl_seconds=row.cache_ttl_seconds,
    )


def model_ref(row: LLMModel) -> ModelRef:
    """A model as its row describes it now."""
    return ModelRef(
        name=row.name,
        litellm_name=row.litellm_name,
        provider=row.provider,
        kind=ModelKind(row.kind),
        context_window=row.context_window,
        max_output_tokens=row.max_output_tokens,
        input_price=row.input_price,
        output_price=row.output_price,
        timeouts=Timeouts(
            connect=row.connect_timeout,
            first_token=row.first_token_timeout,
            stall=row.stall_timeout,
            total=row.total_timeout,
        ),
    )
