"""From a rule set back into the tables: the way of roll backs and of imports from a version."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

from routing.domain import ModelRef, Rule, RuleSet
from routing.models import LLMModel, RoutingSettings
from routing.models import Rule as RuleRow


@transaction.atomic
def restore_tables(rules: RuleSet) -> None:
    """Have the tables say what ``rules`` say. Rows that it does not know are switched off, not
    deleted."""
    rows = {model.name: _put(LLMModel.objects, model.name, _model(model)) for model in rules.models}
    RuleRow.objects.filter(is_default=True).exclude(name=rules.default_rule).update(
        is_default=False, revision=F("revision") + 1
    )
    for rule in rules.rules:
        _put(RuleRow.objects, rule.name, _rule(rule, rows, rules.default_rule))
    named = [rule.name for rule in rules.rules]
    RuleRow.objects.filter(enabled=True).exclude(name__in=named).update(
        enabled=False, revision=F("revision") + 1
    )
    LLMModel.objects.filter(enabled=True).exclude(name__in=rows).update(
        enabled=False, revision=F("revision") + 1
    )
    first, second = (*rules.classifiers, None, None)[:2]
    _put(
        RoutingSettings.objects,
        None,
        {
            "classifier": rows[first] if first else None,
            "classifier_fallback": rows[second] if second else None,
            "callers_choose": rules.callers_choose,
            "min_similarity": rules.min_similarity,
            "cache_ttl_seconds": rules.cache_ttl_seconds,
            "wrong_shared": rules.reuse.wrong_shared,
            "wrong_own": rules.reuse.wrong_own,
            "judge": rules.reuse.judge,
            "audited_percent": round(100 * rules.reuse.audited, 6),
        },
    )


def _put(rows: Any, name: str | None, fields: dict[str, Any]) -> Any:
    """Write the row's fields, where one differs; a row that is not there is made."""
    key = {"pk": 1} if name is None else {"name": name}
    row, made = rows.select_for_update().get_or_create(**key, defaults=fields)
    changed = {field for field, value in fields.items() if getattr(row, field) != value}
    if changed and not made:
        for field in changed:
            setattr(row, field, fields[field])
        row.revision += 1
        row.save()
    return row


def _model(model: ModelRef) -> dict[str, Any]:
    waits = model.timeouts
    return {
        "litellm_name": model.litellm_name,
        "provider": model.provider,
        "kind": model.kind,
        "context_window": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "input_price": model.input_price,
        "output_price": model.output_price,
        "connect_timeout": waits.connect,
        "first_token_timeout": waits.first_token,
        "stall_timeout": waits.stall,
        "total_timeout": waits.total,
        "enabled": True,
    }


def _rule(rule: Rule, models: dict[str, Any], default: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "instruction": rule.instruction,
        "action": rule.action,
        "priority": rule.priority,
        "examples_for": list(rule.examples_for),
        "examples_against": list(rule.examples_against),
        "refusal_reason": rule.refusal_reason,
        "suggestions": list(rule.suggestions),
        "cache": rule.cache,
        "cache_ttl_seconds": rule.cache_ttl_seconds,
        "is_default": rule.name == default,
        "enabled": True,
    }
    if rule.model:  # a refusal names none: the row keeps the one it had
        fields |= {"model": models[rule.model], "fallbacks": list(rule.fallbacks)}
    return fields
