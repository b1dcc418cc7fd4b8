"""A classifier's words read as a verdict, and the verdict as a decision.

What a model says is data: the name of a published rule and a few short lines, or nothing.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from routing.domain.actions import ACTIONS, DEFAULT_ACTION, Action
from routing.domain.rules import Decision, ModelRef, Rule, RuleSet, Source, StaysTrue, Verdict

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
    if rule is None or ACTIONS[rule.action].model_kind:
        model = (_model(rules, rule) if rule else None) or _any_model(rules, DEFAULT_ACTION)
    else:
        model = None
    return _decision(rules, rule, model, verdict, source)


def _can_act(rules: RuleSet, rule: Rule) -> bool:
    return not ACTIONS[rule.action].model_kind or _model(rules, rule) is not None


def _model(rules: RuleSet, rule: Rule) -> ModelRef | None:
    """The rule's first published model of its action's kind. A tool may use any model of that kind."""
    kind = ACTIONS[rule.action].model_kind
    named = (rules.model(name) for name in (rule.model, *rule.fallbacks) if name)
    model = next((model for model in named if model and model.kind is kind), None)
    if model or rule.action is DEFAULT_ACTION:
        return model
    return _any_model(rules, rule.action)


def _any_model(rules: RuleSet, action: Action) -> ModelRef | None:
    kind = ACTIONS[action].model_kind
    return next((model for model in rules.models if model.kind is kind), None)


def _decision(
    rules: RuleSet, rule: Rule | None, model: ModelRef | None, verdict: Verdict, source: Source
) -> Decision:
    action = rule.action if rule else DEFAULT_ACTION
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
