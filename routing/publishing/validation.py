"""What keeps a rule set from being published: every fault found at once, told in words.

Pure: standard library only.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable

from routing.classifier.classification import build_instructions
from routing.domain.actions import ACTIONS, DEFAULT_ACTION, Action, ModelKind
from routing.domain.pricing import estimated_tokens
from routing.domain.rules import Rule, RuleSet

INSTRUCTION_CHARS = 4_000
"""The longest instruction of one rule."""

EXAMPLE_CHARS = 1_000
"""The longest example; the classifier learns no more from a longer one."""

BUDGET_TOKENS = 64_000
"""What all rules together may take of the classifier's prompt, in estimated tokens. A classifier
with a smaller window gives half of it."""

CLASSIFYING = frozenset({ModelKind.CLASSIFIER, ModelKind.CHAT})

_TAGS = (
    "rules?|prompts?|history|instructions?|system|user|assistant|human|data|examples?|messages?|"
    "input|query|context|conversation|developer|tool"
)
# Rules are quoted as JSON between tags. What looks like the end of such a quotation, or like the
# frame of a chat that a model was trained on, is no instruction and no example of a prompt.
_CLOSING = re.compile(
    rf"<\s*/\s*(?:{_TAGS})\b|<\s*(?:rules|prompt|history|system)\s*>"
    r"|<\|[\w ]{2,24}\|>|\[/?INST\]|<</?SYS>>"
    r"|\"\s*,\s*\"(?:name|instruction|action|priority|examples_for|examples_against|rule|reason)\"\s*:"
    r"|^\W*end\s+of\s+(?:the\s+)?(?:rules|instructions|prompt|data)\W*$",
    re.IGNORECASE | re.MULTILINE,
)
_FENCES = re.compile(
    r"```|\"\"\"|'''|^\s*-{3,}\s*$|^\s*={3,}\s*$|\"\s*\}\s*\]|\"\s*\]\s*\}", re.MULTILINE
)
_ESCAPES = {"\\u003c": "<", "\\u003e": ">", "&lt;": "<", "&gt;": ">", "\\n": "\n", '\\"': '"'}


def ruleset_faults(rules: RuleSet, *, disabled: Collection[str] = ()) -> tuple[str, ...]:
    """What is wrong with the set, in sentences; ``disabled`` are models that exist but may not be
    used."""
    found = [
        *_default_faults(rules),
        *_name_faults(rules),
        *_classifier_faults(rules, disabled),
        *(fault for rule in rules.rules for fault in _rule_faults(rule, rules)),
    ]
    return tuple(found or _budget_faults(rules))


def prompt_tokens(rules: RuleSet) -> int:
    """Roughly the tokens that the rules cost in each prompt to the classifier."""
    made = build_instructions(rules)
    return estimated_tokens(made.system.content) + estimated_tokens(json.dumps(dict(made.schema)))


def budget(rules: RuleSet) -> int:
    """The tokens that the rules may take with the classifiers they name."""
    models = (rules.model(name) for name in rules.classifiers)
    return min(BUDGET_TOKENS, *(model.context_window // 2 for model in models if model))


def closes_quoting(text: str, *, strict: bool = False) -> str:
    """What in ``text`` would pass for the end of the classifier's quotation; empty where nothing does.

    ``strict`` also minds fences and rulers, which occur in people's prompts but not in instructions.
    """
    seen = _unescaped(text)
    found = _CLOSING.search(seen) or (_FENCES.search(seen) if strict else None)
    return found.group().strip() if found else ""


def _unescaped(text: str) -> str:
    """The text as a model may read it: without invisible characters, look-alikes and escapes."""
    seen = unicodedata.normalize("NFKC", text)
    seen = "".join(c for c in seen if unicodedata.category(c) != "Cf")
    for escape, character in _ESCAPES.items():
        seen = seen.replace(escape, character)
    return seen


def _default_faults(rules: RuleSet) -> Iterable[str]:
    default = rules.rule(rules.default_rule)
    if default is None:
        yield "One enabled rule must be the default."
    elif default.action is not DEFAULT_ACTION:
        yield f"The default rule “{default.name}” must answer: nobody may be there to choose another."


def _name_faults(rules: RuleSet) -> Iterable[str]:
    for what, items in (("rules", rules.rules), ("models", rules.models)):
        counted = Counter(item.name.casefold() for item in items)
        for name, count in counted.items():
            if count > 1:
                yield f"{count} {what} are named “{name}”."


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
    if not 0.5 <= rules.min_similarity <= 1:
        yield "The similarity must be between 0.5 and 1."
    if not all(0.1 <= wrong <= 20 for wrong in (rules.reuse.wrong_shared, rules.reuse.wrong_own)):
        yield "The wrong ones in a hundred reuses must be between 0.1 and 20."
    if not 0 <= rules.reuse.audited <= 1:
        yield "No more than all of the reuses can be checked afterwards."


def _rule_faults(rule: Rule, rules: RuleSet) -> Iterable[str]:
    if not rule.instruction.strip():
        yield f"The rule “{rule.name}” has no instruction."
    yield from _text_faults(rule)
    if rule.action is Action.REFUSE and not rule.refusal_reason.strip():
        yield f"The rule “{rule.name}” refuses without a reason to give."
    kind = ACTIONS[rule.action].model_kind
    if kind is None:
        return
    if rule.model is None:
        yield f"The rule “{rule.name}” names no model."
    for name in (rule.model, *rule.fallbacks):
        if name is not None:
            yield from _choice_faults(rule, name, kind, rules)


def _choice_faults(rule: Rule, name: str, kind: ModelKind, rules: RuleSet) -> Iterable[str]:
    model = rules.model(name)
    if model is None:
        yield f"The rule “{rule.name}” names “{name}”, which is no enabled model."
    elif model.kind is not kind:
        yield f"The rule “{rule.name}” needs a model for {kind}; “{name}” is one for {model.kind}."


def _text_faults(rule: Rule) -> Iterable[str]:
    if len(rule.instruction) > INSTRUCTION_CHARS:
        yield (
            f"The instruction of the rule “{rule.name}” has {len(rule.instruction):,} characters, "
            f"{INSTRUCTION_CHARS:,} are the classifier's budget for one."
        )
    if found := closes_quoting(rule.instruction, strict=True):
        yield f"The instruction of the rule “{rule.name}” holds “{found}”, which could close the classifier's quoting."
    for example in (*rule.examples_for, *rule.examples_against):
        if len(example) > EXAMPLE_CHARS:
            yield f"An example of the rule “{rule.name}” has {len(example):,} characters, {EXAMPLE_CHARS:,} are the most."
        if found := closes_quoting(example):
            yield f"An example of the rule “{rule.name}” holds “{found}”, which could close the classifier's quoting."


def _budget_faults(rules: RuleSet) -> Iterable[str]:
    tokens, most = prompt_tokens(rules), budget(rules)
    if tokens > most:
        yield (
            f"The rules take about {tokens:,} tokens of the classifier's prompt, {most:,} are its "
            "budget: shorten instructions and examples, or merge rules."
        )
