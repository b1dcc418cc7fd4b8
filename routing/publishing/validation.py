"""Validation: every fault that keeps a rule set from being published, in sentences.

The one place that says when a rule is valid: forms and imports show these faults too. Pure.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from routing.classifier.classification import build_instructions, build_request
from routing.classifier.retrieval import SentRules
from routing.common.text import unicode_form
from routing.domain.actions import ACTIONS, DEFAULT_ACTION, Action, ModelKind
from routing.domain.endpoints import parameters_fault, url_fault, variable_fault
from routing.domain.fields import specs
from routing.domain.llm import estimated_tokens
from routing.domain.rules import HELPER_RULE, PROMPT_CHARS, ModelRef, Rule, RuleSet

INSTRUCTION_CHARS = 4_000
"""The longest instruction of one rule."""

EXAMPLE_CHARS = 1_000
"""The longest example; the classifier learns no more from a longer one."""

BUDGET_TOKENS = 64_000
"""What all rules together may take of the classifier's prompt, in estimated tokens. A classifier
with a smaller window gives half of it."""

CLASSIFYING = frozenset({ModelKind.CLASSIFIER, ModelKind.CHAT})

_TAGS = (
    "(?:more_)?rules?|prompts?|history|instructions?|system|user|assistant|human|data|examples?|messages?|"
    "input|query|context|conversation|developer|tool"
)
# Rules are quoted as JSON between tags. What looks like the end of such a quotation, or like the
# frame of a chat that a model was trained on, is no instruction and no example of a prompt.
_CLOSING = re.compile(
    rf"<\s*/\s*(?:{_TAGS})\b|<\s*(?:(?:more_)?rules|prompt|history|system)\s*>"
    r"|<\|[\w ]{2,24}\|>|\[/?INST\]|<</?SYS>>"
    r"|\"\s*,\s*\"(?:name|instruction|action|priority|examples_for|examples_against|rule|reason)\"\s*:"
    r"|^[^\w\n]*end\s+of\s+(?:the\s+)?(?:rules|instructions|prompt|data)[^\w\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_FENCES = re.compile(
    r"```|\"\"\"|'''|^[^\S\n]*-{3,}[^\S\n]*$|^[^\S\n]*={3,}[^\S\n]*$|\"\s*\}\s*\]|\"\s*\]\s*\}",
    re.MULTILINE,
)
_ESCAPES = {"\\u003c": "<", "\\u003e": ">", "&lt;": "<", "&gt;": ">", "\\n": "\n", '\\"': '"'}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one rule: its field, the sentence beside the field in a form, and the sentence in the
    list of a rule set's faults."""

    field: str
    at_field: str
    sentence: str


def ruleset_faults(rules: RuleSet, *, disabled: Collection[str] = ()) -> tuple[str, ...]:
    """All faults of the set; ``disabled`` are models that exist but may not be used."""
    faults = [
        *_default_faults(rules),
        *_name_faults(rules),
        *_classifier_faults(rules, disabled),
        *_number_faults(rules),
        *_endpoint_faults(rules),
        *(fault.sentence for rule in rules.rules for fault in rule_faults(rule, rules.model)),
    ]
    # The budget last: the classifier's prompt is built of valid rules only.
    return tuple(faults or _budget_faults(rules))


def rule_faults(rule: Rule, model_of: Callable[[str], ModelRef | None]) -> Iterable[Fault]:
    """The faults of one rule; ``model_of`` finds an enabled model by its name."""
    yield from _text_faults(rule)
    if rule.action is Action.REFUSE and not rule.refusal_reason.strip():
        yield Fault(
            "refusal_reason",
            "A refusal needs a reason to give.",
            f"The rule “{rule.name}” refuses without a reason to give.",
        )
    if rule.name == HELPER_RULE and rule.action is not DEFAULT_ACTION:
        yield Fault(
            "action",
            "The rule for helper prompts answers.",
            f"The rule “{rule.name}” must answer: titles and tags are made by it.",
        )
    kind = ACTIONS[rule.action].model_kind
    if kind is None:
        return
    if rule.model is None:
        yield Fault(
            "model",
            f"Choose the {kind} model that does it.",
            f"The rule “{rule.name}” names no model.",
        )
    else:
        yield from _model_faults(rule, "model", rule.model, model_of)
    for name in rule.fallbacks:
        if name != rule.model:
            yield from _model_faults(rule, "fallbacks", name, model_of)


def default_faults(rule: Rule) -> Iterable[Fault]:
    """The faults of a rule as the default one."""
    if rule.action is not DEFAULT_ACTION:
        yield Fault(
            "is_default",
            "Only an answering rule can be the default.",
            f"The default rule “{rule.name}” must answer: nobody may be there to choose another.",
        )
    if rule.groups:
        yield Fault(
            "groups",
            "The default rule is for everybody.",
            f"The default rule “{rule.name}” must be for everybody: it names groups.",
        )


def prompt_tokens(rules: RuleSet, sent: SentRules | None = None) -> int:
    """Roughly the tokens that the rules cost in each prompt to the classifier; those of ``sent`` alone."""
    made, near = (sent.instructions, sent.near) if sent else (build_instructions(rules), ())
    system, _ = build_request(made, "", (), near=near)
    return estimated_tokens(system.content) + estimated_tokens(json.dumps(dict(made.schema)))


def budget(rules: RuleSet) -> int:
    """The tokens that the rules may take with the classifiers they name."""
    models = (rules.model(name) for name in rules.classifiers)
    return min(BUDGET_TOKENS, *(model.context_window // 2 for model in models if model))


def closes_quoting(text: str, *, strict: bool = False) -> str:
    """The part of ``text`` that could pass for the end of the classifier's quotation, or empty.

    ``strict`` also minds fences and rulers, which occur in people's prompts but not in instructions.
    """
    plain = _unescaped(text)
    match = _CLOSING.search(plain) or (_FENCES.search(plain) if strict else None)
    return match.group().strip() if match else ""


def _unescaped(text: str) -> str:
    """The text as a model may read it: without invisible characters, look-alikes and escapes."""
    plain = unicode_form("NFKC", text)
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    for escape, character in _ESCAPES.items():
        plain = plain.replace(escape, character)
    return plain


def _default_faults(rules: RuleSet) -> Iterable[str]:
    default = rules.rule(rules.default_rule)
    if default is None:
        yield "One enabled rule must be the default."
    else:
        yield from (fault.sentence for fault in default_faults(default))


def _name_faults(rules: RuleSet) -> Iterable[str]:
    for noun, items in (("rules", rules.rules), ("models", rules.models)):
        counted = Counter(item.name.casefold() for item in items)
        for name, count in counted.items():
            if count > 1:
                yield f"{count} {noun} are named “{name}”."


def _classifier_faults(rules: RuleSet, disabled: Collection[str]) -> Iterable[str]:
    if not rules.classifiers:
        yield "The routing settings name no classifier."
        return
    for name in rules.classifiers:
        model = rules.model(name)
        if model is None:
            gone = "is disabled" if name in disabled else "is no model"
            yield f"The classifier “{name}” {gone}."
        elif model.kind not in CLASSIFYING:
            yield f"The classifier “{name}” is a model for {model.kind}."


def _number_faults(rules: RuleSet) -> Iterable[str]:
    """The numbers beyond the bounds that are declared beside them."""
    parts: list[tuple[Any, str]] = [(rules, ""), (rules.reuse, "")]
    parts += [(rule, f" of the rule “{rule.name}”") for rule in rules.rules]
    for model in rules.models:
        parts += [(part, f" of the model “{model.name}”") for part in (model, model.timeouts)]
    for part, owner in parts:
        for name, item in specs(type(part)).items():
            value = getattr(part, name)
            if item.least is None or item.most is None or value is None:
                continue
            if not item.least <= value <= item.most:  # NaN is in no range
                subject = f"The {item.label}{owner}" if owner else item.label
                yield f"{subject} must be between {item.least:g} and {item.most:,}."


def _endpoint_faults(rules: RuleSet) -> Iterable[str]:
    """The faults of what models have of their own: address, variable of the key, further parameters."""
    for model in rules.models:
        for label, fault in (
            ("base URL", url_fault(model.base_url)),
            ("variable of the API key", variable_fault(model.key_variable)),
            ("further parameters", parameters_fault(model.parameters)),
        ):
            if fault:
                yield f"The {label} of the model “{model.name}”: {fault}"


def _model_faults(
    rule: Rule, field: str, name: str, model_of: Callable[[str], ModelRef | None]
) -> Iterable[Fault]:
    action, model = ACTIONS[rule.action], model_of(name)
    if model is None:
        yield Fault(
            field,
            f"“{name}” is not an enabled model.",
            f"The rule “{rule.name}” names “{name}”, which is no enabled model.",
        )
    elif model.kind is not action.model_kind:
        yield Fault(
            field,
            f"{action.gerund} needs a model of kind {action.model_kind}; "
            f"“{name}” is one of kind {model.kind}.",
            f"The rule “{rule.name}” needs a model for {action.model_kind}; "
            f"“{name}” is one for {model.kind}.",
        )


def _text_faults(rule: Rule) -> Iterable[Fault]:
    length, instruction = len(rule.instruction), f"The instruction of the rule “{rule.name}”"
    if not rule.instruction.strip():
        text = f"The rule “{rule.name}” has no instruction."
        yield Fault("instruction", "A rule needs an instruction.", text)
    if length > INSTRUCTION_CHARS:
        yield Fault(
            "instruction",
            f"{length:,} characters: the classifier's budget for one instruction is "
            f"{INSTRUCTION_CHARS:,}.",
            f"{instruction} has {length:,} characters, {INSTRUCTION_CHARS:,} are the classifier's "
            "budget for one.",
        )
    if (length := len(rule.system_prompt)) > PROMPT_CHARS:
        told = f"{length:,} characters, {PROMPT_CHARS:,} are the most."
        yield Fault("system_prompt", told, f"The system prompt of the rule “{rule.name}”: {told}")
    yield from _quoting_faults("instruction", rule.instruction, instruction, strict=True)
    for field in ("examples_for", "examples_against"):
        for example in getattr(rule, field):
            yield from _example_faults(field, example, f"An example of the rule “{rule.name}”")


def _example_faults(field: str, example: str, subject: str) -> Iterable[Fault]:
    if len(example) > EXAMPLE_CHARS:
        yield Fault(
            field,
            f"An example has more than {EXAMPLE_CHARS:,} characters.",
            f"{subject} has {len(example):,} characters, {EXAMPLE_CHARS:,} are the most.",
        )
    yield from _quoting_faults(field, example, subject)


def _quoting_faults(
    field: str, text: str, subject: str, *, strict: bool = False
) -> Iterable[Fault]:
    if end := closes_quoting(text, strict=strict):
        yield Fault(
            field,
            f"“{end}” could close the classifier's quoting: leave it out.",
            f"{subject} holds “{end}”, which could close the classifier's quoting.",
        )


def _budget_faults(rules: RuleSet) -> Iterable[str]:
    tokens, most = prompt_tokens(rules), budget(rules)
    if tokens > most:
        yield (
            f"The rules take about {tokens:,} tokens of the classifier's prompt, {most:,} are its "
            "budget: shorten instructions and examples, or merge rules."
        )
