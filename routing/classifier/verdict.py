"""A classifier's words read as a verdict, and the verdict as a decision.

What a model says is data: the name of a published rule and a few short lines, or nothing.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from routing.domain.rules import (
    Action,
    Decision,
    ModelKind,
    ModelRef,
    Rule,
    RuleSet,
    Source,
    StaysTrue,
    Verdict,
)

REASON_CHARS = 300
STANDALONE_CHARS = 1_000
SUGGESTIONS = 2


class _Output(BaseModel):
    """The model's answer as the schema has it. What a model without structured output leaves out
    of what is said of the answer's reuse, is taken for the careful choice."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    rule: str
    reason: str
    self_contained: bool
    impersonal: bool = False
    stays_true: StaysTrue = StaysTrue.MONTHS
    standalone: str = ""
    suggestions: list[str]


def read_verdict(text: str, rules: RuleSet) -> Verdict | None:
    """The verdict in a model's answer, ``None`` where there is none of a published rule.

    A model without structured output wraps its object in prose or a code fence: that is forgiven,
    anything else is not.
    """
    try:
        output = _Output.model_validate_json(text[text.find("{") : text.rfind("}") + 1])
    except ValidationError:
        return None
    if rules.rule(output.rule) is None:
        return None
    said = (_clean(words) for words in output.suggestions)
    return Verdict(
        output.rule,
        _clean(output.reason),
        output.self_contained,
        output.impersonal,
        output.stays_true,
        "" if output.self_contained else _clean(output.standalone, STANDALONE_CHARS),
        tuple(dict.fromkeys(words for words in said if words))[:SUGGESTIONS],
    )


def decided(rules: RuleSet, verdict: Verdict, source: Source) -> Decision:
    """The verdict as a decision: who acts on it, by the published rules.

    A rule that can name no published model of its kind yields to the default rule.
    """
    default = rules.rule(rules.default_rule)
    rule = rules.rule(verdict.rule) or default
    if rule is not None and not _can_act(rules, rule):
        rule = default or rule
    if rule is None or rule.action is not Action.REFUSE:
        model = (_model(rules, rule) if rule else None) or _any_chat(rules)
    else:
        model = None
    return _decision(rules, rule, model, verdict, source)


def _can_act(rules: RuleSet, rule: Rule) -> bool:
    return rule.action is Action.REFUSE or _model(rules, rule) is not None


def _model(rules: RuleSet, rule: Rule) -> ModelRef | None:
    """The rule's first published model that can do what it asks for; any can draw, if need be."""
    named = [rules.model(name) for name in (rule.model, *rule.fallbacks) if name]
    if rule.action is Action.IMAGE:
        named += [model for model in rules.models if model.kind is ModelKind.IMAGE]
    return next((model for model in named if model and _suits(model, rule)), None)


def _suits(model: ModelRef, rule: Rule) -> bool:
    draws = model.kind is ModelKind.IMAGE
    return draws if rule.action is Action.IMAGE else not draws


def _any_chat(rules: RuleSet) -> ModelRef | None:
    return next((model for model in rules.models if model.kind is ModelKind.CHAT), None)


def _decision(
    rules: RuleSet, rule: Rule | None, model: ModelRef | None, verdict: Verdict, source: Source
) -> Decision:
    action = rule.action if rule else Action.ANSWER
    refused = action is Action.REFUSE
    offered = dict.fromkeys((*verdict.suggestions, *(rule.suggestions if rule else ())))
    return Decision(
        action=action,
        source=source,
        provider=model.provider if model else None,
        model=model.name if model else None,
        rule=rule.name if rule else None,
        reason=verdict.reason or "The rule fits best.",
        ruleset=rules.version,
        self_contained=verdict.self_contained,
        impersonal=verdict.impersonal,
        stays_true=verdict.stays_true,
        standalone=verdict.standalone,
        suggestions=tuple(offered)[:SUGGESTIONS] if refused else (),
    )


def _clean(words: str, limit: int = REASON_CHARS) -> str:
    """One line of printable characters, at most ``limit`` of them."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
