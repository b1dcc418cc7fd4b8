"""What changed between two rule sets, in sentences for people.

Pure: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from routing.domain.rules import ModelRef, Rule, RuleSet, Timeouts

QUOTED_CHARS = 160
"""Of a longer text the beginning is quoted."""

_RULE = {
    "instruction": "instruction",
    "action": "action",
    "model": "model",
    "fallbacks": "fallbacks",
    "priority": "priority",
    "examples_for": "prompts that fit",
    "examples_against": "prompts that do not fit",
    "refusal_reason": "reason of the refusal",
    "suggestions": "suggested wordings",
    "cache": "reuse of answers",
    "cache_ttl_seconds": "life of an answer in seconds",
}
_MODEL = {
    "litellm_name": "LiteLLM name",
    "provider": "provider",
    "kind": "kind",
    "context_window": "context window",
    "max_output_tokens": "longest output",
    "input_price": "input price",
    "output_price": "output price",
    "timeouts": "time-outs",
}
_SET = {
    "default_rule": "The default rule",
    "classifiers": "The classifiers",
    "callers_choose": "Callers may name a model",
    "min_similarity": "The similarity for reuse",
    "cache_ttl_seconds": "The life of a stored answer in seconds",
}
_REUSE = {
    "wrong_shared": "Wrong ones accepted in a hundred reuses, of answers for everybody",
    "wrong_own": "Wrong ones accepted in a hundred reuses, of a person's own answers",
    "judge": "Asking the small model when in doubt",
    "audited": "The share of reuses checked afterwards",
}
_LISTS_OF_TEXT = {"examples_for", "examples_against", "suggestions"}


def differences(old: RuleSet | None, new: RuleSet) -> tuple[str, ...]:
    """One sentence a change, rules first; of the first version, what it holds."""
    if old is None:
        return (f"The first version: {len(new.rules)} rules and {len(new.models)} models.",)
    return (
        *_changes("rule", old.rules, new.rules, _RULE),
        *_changes("model", old.models, new.models, _MODEL),
        *_values(old, new, _SET),
        *_values(old.reuse, new.reuse, _REUSE),
    )


def _values(old: Any, new: Any, labels: dict[str, str]) -> Iterable[str]:
    for name, label in labels.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{label}: {_change(before, after)}."


def _changes(
    what: str,
    old: Sequence[Rule] | Sequence[ModelRef],
    new: Sequence[Rule] | Sequence[ModelRef],
    labels: dict[str, str],
) -> Iterable[str]:
    before, after = ({item.name: item for item in items} for items in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"The {what} “{name}” is new."
        elif name not in after:
            yield f"The {what} “{name}” is gone."
        elif told := list(_fields(before[name], after[name], labels)):
            yield f"The {what} “{name}”: {'; '.join(told)}."


def _fields(old: Any, new: Any, labels: dict[str, str]) -> Iterable[str]:
    for name, label in labels.items():
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if name in _LISTS_OF_TEXT:
            yield _list_change(label, before, after)
        else:
            yield f"{label} {_change(before, after)}"


def _list_change(label: str, old: Sequence[str], new: Sequence[str]) -> str:
    told = [f"without {_said(item)}" for item in old if item not in new]
    told += [f"with {_said(item)}" for item in new if item not in old]
    return f"{label} {', '.join(told) or 'in another order'}"


def _change(old: Any, new: Any) -> str:
    return f"{_said(old)} → {_said(new)}"


def _said(value: Any) -> str:
    if isinstance(value, Timeouts):
        return ", ".join(f"{f.name} {getattr(value, f.name):g} s" for f in fields(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        value = ", then ".join(map(str, value))
    if value is None or value == "":
        return "nothing"
    return f"“{_shortened(value)}”" if isinstance(value, str) else str(value)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= QUOTED_CHARS else f"{line[: QUOTED_CHARS - 1]}…"
