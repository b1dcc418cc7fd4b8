"""From the tables to a rule set: every fault found at once, told in words for the administrator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from routing.domain import Action, CachePolicy, ModelKind, ModelRef, Rule, RuleSet, Timeouts
from routing.errors import RuleSetInvalid
from routing.models import LLMModel, RoutingSettings
from routing.models import Rule as RuleRow

_KIND_FOR = {Action.ANSWER: ModelKind.CHAT, Action.IMAGE: ModelKind.IMAGE}
_CLASSIFYING = {ModelKind.CLASSIFIER, ModelKind.CHAT}
_LISTS = ("fallbacks", "examples_for", "examples_against", "suggestions")


def ruleset_from_tables() -> RuleSet:
    """The enabled rules and models as version 0. Raises ``RuleSetInvalid`` with all faults."""
    rows = list(RuleRow.objects.filter(enabled=True).select_related("model"))
    models = {row.name: _model(row) for row in LLMModel.objects.filter(enabled=True)}
    chosen = RoutingSettings.objects.select_related("classifier", "classifier_fallback").first()
    default = next((row for row in rows if row.is_default), None)
    faults = [
        *_default_faults(default),
        *_settings_faults(chosen, models),
        *(fault for row in rows for fault in _rule_faults(row, models)),
    ]
    if faults or chosen is None or default is None:
        raise RuleSetInvalid(faults)
    classifiers = [row.name for row in (chosen.classifier, chosen.classifier_fallback) if row]
    return RuleSet(
        version=0,
        rules=tuple(map(_rule, rows)),
        models=tuple(models.values()),
        default_rule=default.name,
        classifiers=tuple(dict.fromkeys(classifiers)),
        callers_choose=chosen.callers_choose,
        min_similarity=chosen.min_similarity,
        cache_ttl_seconds=chosen.cache_ttl_seconds,
    )


def _default_faults(default: RuleRow | None) -> Iterable[str]:
    if default is None:
        yield "One enabled rule must be the default."
    elif default.action != Action.ANSWER:
        yield f"The default rule “{default.name}” must answer: nobody may be there to choose another."


def _settings_faults(
    chosen: RoutingSettings | None, models: Mapping[str, ModelRef]
) -> Iterable[str]:
    if chosen is None or chosen.classifier is None:
        yield "The routing settings name no classifier."
        return
    for row in filter(None, (chosen.classifier, chosen.classifier_fallback)):
        model = models.get(row.name)
        if model is None:
            yield f"The classifier “{row.name}” is disabled."
        elif model.kind not in _CLASSIFYING:
            yield f"The classifier “{row.name}” is a model for {model.kind}."
    if not 0.5 <= chosen.min_similarity <= 1:
        yield "The similarity must be between 0.5 and 1."


def _rule_faults(row: RuleRow, models: Mapping[str, ModelRef]) -> Iterable[str]:
    if not row.instruction.strip():
        yield f"The rule “{row.name}” has no instruction."
    malformed = [name for name in _LISTS if not _is_words(getattr(row, name))]
    for name in malformed:
        yield f"“{name}” of the rule “{row.name}” must be a list of texts."
    kind = _KIND_FOR.get(Action(row.action))
    if kind is None:
        return
    if row.model is None:
        yield f"The rule “{row.name}” names no model."
    else:
        yield from _choice_faults(row, row.model.name, kind, models)
    for name in [] if "fallbacks" in malformed else row.fallbacks:
        yield from _choice_faults(row, name, kind, models)


def _choice_faults(
    row: RuleRow, name: str, kind: ModelKind, models: Mapping[str, ModelRef]
) -> Iterable[str]:
    model = models.get(name)
    if model is None:
        yield f"The rule “{row.name}” names “{name}”, which is no enabled model."
    elif model.kind is not kind:
        yield f"The rule “{row.name}” needs a model for {kind}; “{name}” is one for {model.kind}."


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _rule(row: RuleRow) -> Rule:
    answers = Action(row.action) in _KIND_FOR
    return Rule(
        name=row.name,
        instruction=row.instruction,
        action=Action(row.action),
        model=row.model.name if answers and row.model else None,
        fallbacks=tuple(row.fallbacks) if answers else (),
        priority=row.priority,
        examples_for=tuple(row.examples_for),
        examples_against=tuple(row.examples_against),
        refusal_reason=row.refusal_reason,
        suggestions=tuple(row.suggestions),
        cache=CachePolicy(row.cache),
        cache_ttl_seconds=row.cache_ttl_seconds,
    )


def _model(row: LLMModel) -> ModelRef:
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
