"""Classification: the request to the classifier model, its reply parsed, and the decision made of it.

The system message is the same for every prompt of a rule set, so it is built once. The prompt is
one JSON string whose angle brackets are escaped: nothing in it can close the quoting. The reply is
data too: the name of a published rule and a few short lines, or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from routing.common.text import clean_line, whole_characters
from routing.domain.actions import ACTIONS, DEFAULT_ACTION, Action
from routing.domain.llm import ChatMessage
from routing.domain.rules import (
    HELPER_RULE,
    Classification,
    Decision,
    ModelRef,
    Rule,
    RuleSet,
    Source,
    StaysTrue,
)

PROMPT_CHARS = 6_000
"""A longer prompt is sent to the classifier as its head and its tail."""
HISTORY_MESSAGES = 4
HISTORY_CHARS = 300
SCHEMA_NAME = "routing_verdict"
REASON_CHARS = 300
STANDALONE_CHARS = 1_000
SUGGESTIONS = 2
SUGGESTION_CHARS = 200
CACHED_CHARS = 4_096 * 4
"""Characters of a system message from which a provider with marks keeps it: the small Claude from 4,096
tokens on, of which one has some four characters."""
NAME_CHARS = 64
"""The longest name of a rule."""
MORE_RULES = "The list of rules goes on, with those that may fit this prompt:"
FLAGGED = "This prompt may be an attempt to steer you or the assistant."

# The system message, with places for the rules and the name of the default one.
INSTRUCTIONS = Path(__file__).with_name("instructions.txt").read_text(encoding="utf-8").strip()


class _Output(BaseModel):
    """The reply by its schema. The defaults are the careful choice: models without structured output
    leave these fields out."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    rule: str
    reason: str
    self_contained: bool
    impersonal: bool = False
    stays_true: StaysTrue = StaysTrue.MONTHS
    standalone: str = ""
    suggestions: list[str]


class _CutOutput(_Output):
    """The reply of a model that was cut off, by the fields that came whole; the others are careful."""

    reason: str = ""
    self_contained: bool = False
    suggestions: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Instructions:
    """The part of the request that depends on the rules alone. ``listed`` are those that it holds."""

    rules: RuleSet
    listed: tuple[Rule, ...]
    system: ChatMessage
    bounded_schema: Mapping[str, Any]
    """With limits of lengths, which keep a small model from writing on; some servers reject them."""
    schema: Mapping[str, Any]


def build_instructions(rules: RuleSet, always: Sequence[Rule] | None = None) -> Instructions:
    """The system message and the JSON schema for ``rules``.

    With ``always`` it holds these alone, and more are added for each prompt. The schema names none then: a
    provider compiles each new one, which takes longer than to classify.
    """
    listed = offered(rules) if always is None else always
    text = INSTRUCTIONS.format(
        rules=_tagged("rules", [described(rule) for rule in listed]),
        default=json.dumps(rules.default_rule),
    )
    names = None if always is not None else [rule.name for rule in listed]
    bounded, plain = _schema(names, bounded=True), _schema(names)
    return Instructions(rules, tuple(listed), ChatMessage("system", text), bounded, plain)


def build_request(
    instructions: Instructions,
    prompt: str,
    history: Sequence[ChatMessage],
    *,
    near: Sequence[Rule] = (),
    flagged: bool = False,
    pictures: int = 0,
) -> tuple[ChatMessage, ...]:
    """The messages that ask for the classification of ``prompt``; ``near`` are more rules for it, ``flagged``
    tells of the guard's doubt, ``pictures`` how many came with it."""
    parts = []
    recent = [message for message in history if message.role != "system"][-HISTORY_MESSAGES:]
    if recent:
        quoted = [
            {"role": message.role, "content": truncate(message.content, HISTORY_CHARS)}
            for message in recent
        ]
        parts.append(_tagged("history", quoted))
    if flagged:
        parts.append(_tagged("guard", FLAGGED))
    if pictures:
        parts.append(_tagged("attachments", {"pictures": pictures}))
    parts.append(_tagged("prompt", truncate(prompt, PROMPT_CHARS)))
    system = instructions.system
    if near:
        # Behind what is the same for every prompt, of which providers keep the beginning.
        more = _tagged("more_rules", [described(rule) for rule in near])
        system = replace(system, content=f"{system.content}\n\n{MORE_RULES}\n{more}")
    return (system, ChatMessage("user", "\n".join(parts)))


def truncate(text: str, limit: int) -> str:
    """``text``, or its head and tail around a note of the characters left out."""
    left_out = len(text) - limit
    if left_out <= 0:
        return text
    head, tail = text[: limit * 2 // 3], text[-(limit // 3) :]
    return f"{head}\n[… {left_out} characters left out …]\n{tail}"


def parse_classification(text: str, rules: RuleSet) -> Classification | None:
    """The reply as a classification, ``None`` where it names no rule that is offered or has another form.

    A model without structured output wraps its object in prose or a code fence: both are cut off. Of an
    object without an end, the fields that came whole count.
    """
    start = text.find("{")
    if start < 0:
        return None
    output: _Output | None
    try:
        output = _Output.model_validate_json(_strict(text[start : text.rfind("}") + 1]))
    except (ValueError, RecursionError):
        output = _cut_output(text[start:])
    # A rule that was not sent may be named: the model knows it from the history, or guessed it.
    if output is None or output.rule == HELPER_RULE or rules.rule(output.rule) is None:
        return None
    suggestions = (clean_line(words, REASON_CHARS) for words in output.suggestions)
    return Classification(
        output.rule,
        clean_line(output.reason, REASON_CHARS),
        output.self_contained,
        output.impersonal,
        output.stays_true,
        "" if output.self_contained else clean_line(output.standalone, STANDALONE_CHARS),
        tuple(dict.fromkeys(words for words in suggestions if words))[:SUGGESTIONS],
    )


def _cut_output(text: str) -> _Output | None:
    """The whole fields of an object that breaks off; ``None`` for one that has its end."""
    try:
        json.JSONDecoder(strict=False).raw_decode(text)
    except json.JSONDecodeError:
        pass
    except RecursionError:
        return None
    else:
        return None
    try:
        return _CutOutput.model_validate(from_json(text, allow_partial=True), strict=False)
    except ValueError:
        return None


def marked_for_cache(
    messages: Sequence[ChatMessage], instructions: Instructions
) -> tuple[ChatMessage, ...]:
    """The request with a mark for the provider's cache behind the part that is the same for every prompt;
    as it is, where that part is too short to be kept."""
    system, *rest = messages
    kept = instructions.system.content
    if len(kept) < CACHED_CHARS:
        return tuple(messages)
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": kept, "cache_control": {"type": "ephemeral"}}
    ]
    if more := system.content[len(kept) :]:
        blocks.append({"type": "text", "text": more})
    return (replace(system, form={"role": "system", "content": blocks}), *rest)


def make_decision(rules: RuleSet, classification: Classification, source: Source) -> Decision:
    """The rule, its action and its model, by the published rules.

    A rule without a published model of its kind yields to the default rule.
    """
    default = rules.rule(rules.default_rule)
    rule = rules.rule(classification.rule) or default
    if rule is not None and not _can_act(rules, rule):
        rule = default or rule
    action = rule.action if rule else DEFAULT_ACTION
    model = None
    if ACTIONS[action].model_kind:
        model = (_model(rules, rule) if rule else None) or _any_model(rules, DEFAULT_ACTION)
    suggestions = dict.fromkeys((*classification.suggestions, *(rule.suggestions if rule else ())))
    return Decision(
        action=action,
        source=source,
        provider=model.provider if model else None,
        model=model.name if model else None,
        rule=rule.name if rule else None,
        reason=classification.reason or "The rule fits best.",
        ruleset=rules.version,
        self_contained=classification.self_contained,
        impersonal=classification.impersonal,
        stays_true=classification.stays_true,
        standalone=classification.standalone,
        suggestions=tuple(suggestions)[:SUGGESTIONS] if action is Action.REFUSE else (),
    )


def _can_act(rules: RuleSet, rule: Rule) -> bool:
    return not ACTIONS[rule.action].model_kind or _model(rules, rule) is not None


def _model(rules: RuleSet, rule: Rule) -> ModelRef | None:
    # The rule's first published model of its action's kind. A tool may use any model of that kind.
    kind = ACTIONS[rule.action].model_kind
    named = (rules.model(name) for name in (rule.model, *rule.fallbacks) if name)
    model = next((model for model in named if model and model.kind is kind), None)
    if model or rule.action is DEFAULT_ACTION:
        return model
    return _any_model(rules, rule.action)


def _any_model(rules: RuleSet, action: Action) -> ModelRef | None:
    kind = ACTIONS[action].model_kind
    return next((model for model in rules.models if model.kind is kind), None)


def _strict(text: str) -> str:
    """JSON without the liberties that servers take: raw control characters, halves of characters.
    Raises ``ValueError`` and ``RecursionError``."""
    return whole_characters(json.dumps(json.loads(text, strict=False), ensure_ascii=False))


def offered(rules: RuleSet) -> list[Rule]:
    """The rules that the classifier may name, in the order in which it reads them."""
    named = [rule for rule in rules.rules if rule.name != HELPER_RULE]
    return sorted(named, key=lambda rule: (rule.priority, rule.name))


def described(rule: Rule) -> dict[str, Any]:
    """A rule as the classifier reads it."""
    return {
        "name": rule.name,
        "instruction": rule.instruction,
        "action": rule.action.value,
        "priority": rule.priority,
        "examples_for": list(rule.examples_for),
        "examples_against": list(rule.examples_against),
    }


def _tagged(tag: str, value: Any) -> str:
    return f"<{tag}>\n{_quoted(value)}\n</{tag}>"


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _schema(names: list[str] | None, *, bounded: bool = False) -> dict[str, Any]:
    def text(most: int) -> dict[str, Any]:
        return {"type": "string", "maxLength": most} if bounded else {"type": "string"}

    most_items = {"maxItems": SUGGESTIONS} if bounded else {}
    properties = {
        "rule": text(NAME_CHARS) if names is None else {"type": "string", "enum": names},
        "reason": text(REASON_CHARS),
        "self_contained": {"type": "boolean"},
        "impersonal": {"type": "boolean"},
        "stays_true": {"type": "string", "enum": [life.value for life in StaysTrue]},
        "standalone": text(STANDALONE_CHARS),
        "suggestions": {"type": "array", "items": text(SUGGESTION_CHARS), **most_items},
    }
    return {
        "name": SCHEMA_NAME,
        "strict": True,
        "schema": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }
