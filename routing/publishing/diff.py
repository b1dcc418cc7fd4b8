"""Diff: the changes between two rule sets, in sentences for people. Pure: standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from routing.domain.fields import FieldSpec, specs
from routing.domain.rules import ModelRef, ReusePolicy, Rule, RuleSet, Timeouts

QUOTED_CHARS = 160
"""Of a longer text the beginning is quoted."""


def differences(old: RuleSet | None, new: RuleSet) -> tuple[str, ...]:
    """One sentence a change, rules first; of the first version, its numbers of rules and models."""
    if old is None:
        return (f"The first version: {len(new.rules)} rules and {len(new.models)} models.",)
    return (
        *_item_changes("rule", old.rules, new.rules),
        *_item_changes("model", old.models, new.models),
        *_setting_changes(old, new, specs(RuleSet)),
        *_setting_changes(old.reuse, new.reuse, specs(ReusePolicy)),
    )


def _setting_changes(old: Any, new: Any, settings: Mapping[str, FieldSpec]) -> Iterable[str]:
    for name, spec in settings.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{spec.label}: {_change(before, after)}."


def _item_changes(
    noun: str, old: Sequence[Rule] | Sequence[ModelRef], new: Sequence[Rule] | Sequence[ModelRef]
) -> Iterable[str]:
    before, after = ({item.name: item for item in items} for items in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"The {noun} “{name}” is new."
        elif name not in after:
            yield f"The {noun} “{name}” is gone."
        elif changes := list(_field_changes(before[name], after[name])):
            yield f"The {noun} “{name}”: {'; '.join(changes)}."


def _field_changes(old: Rule | ModelRef, new: Rule | ModelRef) -> Iterable[str]:
    for name, spec in specs(type(old)).items():
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if isinstance(before, tuple) and not spec.in_order:
            yield _list_change(spec.label, before, after)
        else:
            yield f"{spec.label} {_change(before, after)}"


def _list_change(label: str, old: Sequence[str], new: Sequence[str]) -> str:
    changes = [f"without {_quoted(item)}" for item in old if item not in new]
    changes += [f"with {_quoted(item)}" for item in new if item not in old]
    return f"{label} {', '.join(changes) or 'in another order'}"


def _change(old: Any, new: Any) -> str:
    return f"{_quoted(old)} → {_quoted(new)}"


def _quoted(value: Any) -> str:
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
