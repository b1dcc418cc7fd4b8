"""Results of a replay: rows filled in, changes counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from conversations.models import Message, ReplayResult, ReplayRun
from routing.domain.actions import Action, ModelKind
from routing.domain.llm import Usage
from routing.domain.rules import Decision, ModelRef, RuleSet, plain_name

Pricer = Callable[[ModelRef, Usage], Usage]
Fields = Mapping[str, str]
SAMPLES = 5


@dataclass(slots=True)
class Change:
    """Prompts with the same change of decision. Dollars are of the ``priced`` ones alone."""

    old: Fields
    new: Fields
    count: int = 0
    priced: int = 0
    difference_usd: Decimal = Decimal(0)
    samples: list[Message] = field(default_factory=list)

    @property
    def difference(self) -> str:
        """In words; empty without a known price."""
        return signed(self.difference_usd) if self.priced else ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Counts of ``decided``, ``changed`` and ``priced`` prompts; ``changes``, most frequent first.

    ``priced``: the answer's cost is known under both rule sets.
    """

    decided: int
    changed: int
    changes: tuple[Change, ...]
    priced: int
    old_usd: Decimal
    new_usd: Decimal

    @property
    def difference(self) -> str:
        """Difference of the answers' costs, in words."""
        return signed(self.new_usd - self.old_usd)


def signed(usd: Decimal) -> str:
    """US dollars with their sign before them."""
    return f"{'−' if usd < 0 else '+'}${abs(usd):.4f}"  # noqa: RUF001 - a minus, not a hyphen


def compared_fields(decision: Decision) -> dict[str, str]:
    """The compared fields of a decision."""
    return {
        "action": decision.action.value,
        "rule": decision.rule or "",
        "model": decision.model or "",
    }


def fill(
    row: ReplayResult,
    old: Fields,
    new: Decision,
    rule_sets: tuple[RuleSet, RuleSet],
    priced: Pricer,
) -> None:
    """Set a row's fields without saving. ``rule_sets`` are those of ``old`` and of ``new``."""
    row.old, row.new = dict(old), compared_fields(new)
    row.changed = _plain(row.old) != _plain(row.new)
    row.old_usd = _answer_cost(row.old, row.answer, rule_sets[0], priced)
    row.new_usd = _answer_cost(row.new, row.answer, rule_sets[1], priced)


def _plain(fields: Fields) -> tuple[str, ...]:
    return fields["action"], fields["rule"], plain_name(fields["model"])


def _answer_cost(fields: Fields, answer: Message, rules: RuleSet, priced: Pricer) -> Decimal | None:
    """The recorded tokens at the model's price; ``None`` for pictures and unknown lengths."""
    if fields["action"] == Action.REFUSE:
        return Decimal(0)
    model = rules.model(fields["model"]) if fields["model"] else None
    if model is None or model.kind is not ModelKind.CHAT or not answer.output_tokens:
        return None
    return priced(model, Usage(answer.input_tokens or 0, answer.output_tokens)).cost_usd


def findings(run: ReplayRun) -> Findings:
    """Sum up the decided rows of a run, finished or not."""
    rows = run.results.filter(new__isnull=False).select_related("answer__answers")
    changes: dict[tuple[tuple[str, ...], tuple[str, ...]], Change] = {}
    decided = changed = priced = 0
    old_usd = new_usd = Decimal(0)
    for row in rows:
        decided += 1
        known = row.old_usd is not None and row.new_usd is not None
        if row.old_usd is not None and row.new_usd is not None:
            priced, old_usd, new_usd = priced + 1, old_usd + row.old_usd, new_usd + row.new_usd
        if row.changed and row.old and row.new:
            changed += 1
            key = _plain(row.old), _plain(row.new)
            _count(changes.setdefault(key, Change(row.old, row.new)), row, known=known)
    ordered = sorted(changes.values(), key=lambda change: -change.count)
    return Findings(decided, changed, tuple(ordered), priced, old_usd, new_usd)


def _count(change: Change, row: ReplayResult, *, known: bool) -> None:
    change.count += 1
    if known:
        change.priced += 1
        change.difference_usd += (row.new_usd or 0) - (row.old_usd or 0)
    if len(change.samples) < SAMPLES:
        change.samples.append(row.answer)
