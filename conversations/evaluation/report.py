"""Presenters of an evaluation: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from routing.domain.decide import Outcome
from routing.evaluation.dataset import Labelled, Report


def tables(figures: Report, *, title: str) -> Iterator[Table]:
    """The classes' scores, then the confusion matrix."""
    yield _scores(figures, title)
    yield _matrix(figures)


def _scores(figures: Report, title: str) -> Table:
    table = Table(title=title)
    table.add_column("class", overflow="fold")
    for heading in ("prompts", "decided so", "precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    for each in figures.classes:
        shares = map(_percent, (each.precision, each.recall, each.f1))
        table.add_row(each.name, str(each.prompts), str(each.decided), *shares)
    low, high = figures.interval
    cost = "of unknown cost" if figures.cost_usd is None else f"${figures.cost_usd:.6f}"
    cost += f" ({figures.unpriced} calls without a price)" if figures.unpriced else ""
    sources = ", ".join(f"{count} by {source}" for source, count in sorted(figures.sources.items()))
    table.caption = (
        f"accuracy {figures.accuracy:.1%} ({low:.1%} to {high:.1%} at 95 %): {figures.right} of "
        f"{figures.prompts}; {sources}\n{figures.input_tokens:,} tokens in, "
        f"{figures.output_tokens:,} out, {cost}; {figures.latency_p50_ms} ms at the median, "
        f"{figures.latency_p95_ms} ms at 95 %"
    )
    return table


def _matrix(figures: Report) -> Table:
    table = Table(title="Confusion matrix: expected down, decided across")
    table.add_column("expected", overflow="fold")
    across = _columns(figures)
    for name in across:
        table.add_column(name, justify="right", overflow="fold")
    for each in figures.classes:
        counts = (figures.matrix.get((each.name, name), 0) for name in across)
        table.add_row(each.name, *(str(count) if count else "·" for count in counts))
    return table


def _columns(figures: Report) -> list[str]:
    expected = [each.name for each in figures.classes]
    others = sorted({decided for _, decided in figures.matrix} - set(expected))
    return [*expected, *others]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def as_json(
    figures: Report, rows: Sequence[Labelled], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """JSON-ready: all figures, and the decision of every row."""
    across = _columns(figures)
    return {
        "prompts": figures.prompts,
        "right": figures.right,
        "accuracy": round(figures.accuracy, 4),
        "interval_95": [round(end, 4) for end in figures.interval],
        "classes": {
            each.name: {
                "prompts": each.prompts,
                "decided": each.decided,
                "right": each.right,
                "precision": _rounded(each.precision),
                "recall": _rounded(each.recall),
                "f1": _rounded(each.f1),
            }
            for each in figures.classes
        },
        "confusion_matrix": {
            each.name: {name: figures.matrix.get((each.name, name), 0) for name in across}
            for each in figures.classes
        },
        "sources": dict(figures.sources),
        "usage": {
            "input_tokens": figures.input_tokens,
            "output_tokens": figures.output_tokens,
            "cost_usd": None if figures.cost_usd is None else f"{figures.cost_usd:.6f}",
        },
        "latency_ms": {"p50": figures.latency_p50_ms, "p95": figures.latency_p95_ms},
        "rows": [_row(row, outcome) for row, outcome in zip(rows, outcomes, strict=True)],
    }


def _row(row: Labelled, outcome: Outcome) -> dict[str, Any]:
    decision = outcome.decision
    return {
        "text": row.text,
        "label": row.label,
        "expected": row.expected.name,
        "right": row.expected.met_by(decision),
        "action": decision.action.value,
        "rule": decision.rule,
        "model": decision.model,
        "source": decision.source.value,
        "vectors": outcome.opinion.as_json() if outcome.opinion else None,
        "reason": decision.reason,
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
