"""Regression test of quality: figures of the ``evaluate_*`` commands beside those of an earlier run.

A figure fell where its 95 % interval lies wholly on the worse side of the earlier one: a smaller
difference may be chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from routing.common.files import PROMPT_COLUMNS, read_table
from routing.common.statistics import Estimate, share

REUSE_WAYS = ("verified", "linked", "judged")
"""Of a stream and of pairs, as the service may decide: by the model alone, with links, with a judge."""
GUARD_LABELS = {"injection", "benign"}


class Evaluation(StrEnum):
    """What a file can measure. The value is the command's name."""

    REUSE = "evaluate_cache"
    GUARD = "evaluate_guard"
    PERSONAL = "evaluate_personal_data"
    ROUTING = "evaluate_routing"


@dataclass(frozen=True, slots=True)
class Figure:
    """A share, and whether a smaller one is better."""

    name: str
    estimate: Estimate
    less_is_better: bool = False

    def fell(self, before: Estimate) -> bool:
        """Whether it is worse than before, beyond chance."""
        worse = self.estimate.value > before.value
        return worse == self.less_is_better and self.estimate.apart_from(before)


def evaluation_of(path: Path) -> Evaluation:
    """What the columns and labels of a CSV file are for. Raises ``TableFault``."""
    rows = read_table(path, "'text' or 'text_a'", {*PROMPT_COLUMNS, "text_a"})
    if {"text_a", "intent"} & rows[0].keys():
        return Evaluation.REUSE
    labels = {(row.get("label") or "").strip() for row in rows}
    if labels <= {"0", "1"}:
        return Evaluation.PERSONAL
    return Evaluation.GUARD if labels & GUARD_LABELS else Evaluation.ROUTING


def read_figures(evaluation: Evaluation, told: Mapping[str, Any]) -> list[Figure]:
    """The figures of what a command wrote with ``--json``, without those of nothing."""
    readers: Mapping[Evaluation, Callable[[Mapping[str, Any]], Iterator[Figure | None]]] = {
        Evaluation.REUSE: _reuse,
        Evaluation.GUARD: _guard,
        Evaluation.PERSONAL: _personal,
        Evaluation.ROUTING: _routing,
    }
    return [figure for figure in readers[evaluation](told) if figure]


def stored(figures: list[Figure]) -> dict[str, list[float]]:
    """JSON-ready: value, both ends of the interval and the observations, by name."""
    return {
        figure.name: [round(number, 4) for number in astuple(figure.estimate)] for figure in figures
    }


def restored(told: Mapping[str, list[float]]) -> dict[str, Estimate]:
    """What ``stored`` made."""
    return {
        name: Estimate(value, low, high, int(count))
        for name, (value, low, high, count) in told.items()
    }


def _reuse(told: Mapping[str, Any]) -> Iterator[Figure | None]:
    figures = _stream if told["kind"] == "stream" else _pairs
    for way in REUSE_WAYS:
        if way in told:
            yield from figures(way, told[way], told)


def _stream(way: str, found: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Figure | None]:
    reuse, requests = found["served"]["reuse"], told["requests"]
    yield _shown(f"{way}: reused", reuse, requests)
    reuses = round(reuse["share"] * requests)
    yield _shown(f"{way}: precision", found["served"]["precision"], reuses)


def _pairs(way: str, found: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Figure | None]:
    categories = found["categories"]
    same = sum(counts["same"] for counts in categories.values())
    yield _shown(f"{way}: recall", found["recall"], same)
    wrong = found["wrong_hit_rate"]
    yield _shown(f"{way}: wrong, of all", wrong, told["rows"], less_is_better=True)
    for name, counts in categories.items():
        served, pairs, alike = counts["served"], counts["pairs"], counts["same"]
        # A kind of pairs that are partly the same has no better direction.
        if alike in {0, pairs}:
            yield _counted(f"{way}: served, {name}", served, pairs, less_is_better=not alike)


def _guard(told: Mapping[str, Any]) -> Iterator[Figure | None]:
    for label in sorted(GUARD_LABELS, reverse=True):
        verdicts = [kind["verdicts"] for kind in told["kinds"] if kind["label"] == label]
        prompts = sum(sum(each.values()) for each in verdicts)
        passed = sum(each.get("pass", 0) for each in verdicts)
        benign = label == "benign"
        yield _counted(f"{label}: stopped", prompts - passed, prompts, less_is_better=benign)


def _personal(told: Mapping[str, Any]) -> Iterator[Figure | None]:
    for name, counts in told.items():
        yield _counted(f"{name}: recall", counts["found"], counts["personal"])
        either = counts["found"] + counts["mistaken"]
        yield _counted(f"{name}: precision", counts["found"], either)


def _routing(told: Mapping[str, Any]) -> Iterator[Figure | None]:
    yield _counted("right", told["right"], told["prompts"])


def _counted(name: str, part: int, whole: int, *, less_is_better: bool = False) -> Figure | None:
    estimate = share(part, whole)
    return Figure(name, estimate, less_is_better) if estimate else None


def _shown(
    name: str, told: Mapping[str, Any], count: int, *, less_is_better: bool = False
) -> Figure | None:
    if told["share"] is None:
        return None
    low, high = told["interval"]
    return Figure(name, Estimate(told["share"], low, high, count), less_is_better)
