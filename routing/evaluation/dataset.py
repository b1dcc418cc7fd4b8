"""How well a rule set routes labelled prompts. Pure: standard library only.

A label stands for an expectation (``routing.evaluation.dataset.expectations``), and all labels with the same one are one
class. A decision that is not as expected is counted as the class it would have been right for, and
as its own rule where it would have been right for none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase

from routing.common.statistics import wilson
from routing.domain.actions import Action
from routing.domain.decide import Outcome
from routing.domain.llm import Usage
from routing.domain.rules import Decision, RuleSet
from routing.evaluation.expectations import Expected


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled prompt, with the expectation that its label stands for."""

    text: str
    label: str
    expected: Expected


@dataclass(frozen=True, slots=True)
class Scores:
    """One class. Precision, recall and F1 are ``None`` where they would divide by nothing."""

    name: str
    prompts: int
    decided: int
    right: int

    @property
    def precision(self) -> float | None:
        """Of those decided as this class, the share that belongs to it."""
        return self.right / self.decided if self.decided else None

    @property
    def recall(self) -> float | None:
        """Of those that belong to this class, the share that was decided so."""
        return self.right / self.prompts if self.prompts else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both."""
        both = self.prompts + self.decided
        return 2 * self.right / both if both else None


@dataclass(frozen=True, slots=True)
class Report:
    """Confusion matrix and figures of an evaluation. ``matrix`` counts prompts by expected and decided class; ``interval`` is Wilson's
    at 95 %. Latencies are in milliseconds, ``cost_usd`` is the classifiers'."""

    prompts: int
    right: int
    interval: tuple[float, float]
    classes: tuple[Scores, ...]
    matrix: Mapping[tuple[str, str], int]
    sources: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced: int
    latency_p50_ms: int
    latency_p95_ms: int

    @property
    def accuracy(self) -> float:
        """The share of prompts that were decided as expected."""
        return self.right / self.prompts if self.prompts else 0.0


def expectation(told: object, rules: RuleSet) -> Expected:
    """A label's value: the name of a rule or an action, a list of these, or a mapping with ``rule``,
    ``action``, ``model``. Raises ``ValueError`` with the fault."""
    if isinstance(told, Mapping):
        if unknown := sorted(map(str, set(told) - {"rule", "action", "model"})):
            raise ValueError(f"takes rule, action and model, not {', '.join(unknown)}")
        made = Expected(
            _names(told.get("action")), _names(told.get("model")), _names(told.get("rule"))
        )
    else:
        names = _names(told)
        are_rules = [rules.rule(name) is not None for name in names]
        made = Expected(rules=names) if all(are_rules) else Expected(actions=names)
    _check(made, rules)
    return made


def _names(told: object) -> tuple[str, ...]:
    given = told if isinstance(told, list) else [] if told is None else [told]
    return tuple(map(str, given))


def _check(made: Expected, rules: RuleSet) -> None:
    if not (made.actions or made.models or made.rules):
        raise ValueError("expects nothing")
    unknown = [
        *((name, "action or rule") for name in made.actions if name not in set(Action)),
        *((name, "model") for name in made.models if rules.model(name) is None),
        *((name, "rule") for name in made.rules if rules.rule(name) is None),
    ]
    for name, what in unknown:
        raise ValueError(f"names “{name}”, which is no {what} of these rules")


def expected_for(label: str, mapping: Mapping[str, Expected]) -> Expected | None:
    """The label's expectation: its own entry's, else that of the first pattern (``image:*``) it fits."""
    if label in mapping:
        return mapping[label]
    fits = (made for pattern, made in mapping.items() if fnmatchcase(label, pattern))
    return next(fits, None)


def report(rows: Sequence[Labelled], outcomes: Sequence[Outcome]) -> Report:
    """The figures. Of each row its outcome stands at the same place."""
    classes = {row.expected.name: row.expected for row in rows}
    pairs = Counter(
        (row.expected.name, decided_class(outcome.decision, row.expected, classes))
        for row, outcome in zip(rows, outcomes, strict=True)
    )
    right = sum(count for (expected, decided), count in pairs.items() if expected == decided)
    usage = sum((outcome.usage for outcome in outcomes), Usage())
    latencies = sorted(outcome.latency_ms for outcome in outcomes)
    return Report(
        prompts=len(rows),
        right=right,
        interval=wilson(right, len(rows)),
        classes=tuple(_scores(name, pairs) for name in classes),
        matrix=dict(pairs),
        sources=Counter(outcome.decision.source.value for outcome in outcomes),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
        unpriced=usage.unpriced,
        latency_p50_ms=_quantile(latencies, 0.5),
        latency_p95_ms=_quantile(latencies, 0.95),
    )


def decided_class(decision: Decision, expected: Expected, classes: Mapping[str, Expected]) -> str:
    """The class that the decision falls into."""
    if expected.met_by(decision):
        return expected.name
    other = next((name for name, each in classes.items() if each.met_by(decision)), None)
    return other or decision.rule or decision.action.value


def _scores(name: str, pairs: Mapping[tuple[str, str], int]) -> Scores:
    return Scores(
        name,
        prompts=sum(count for (expected, _), count in pairs.items() if expected == name),
        decided=sum(count for (_, decided), count in pairs.items() if decided == name),
        right=pairs.get((name, name), 0),
    )


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0
