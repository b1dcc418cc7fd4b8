"""Figures of an evaluation as tables for the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

WAYS = ("plain", "verified", "alone", "judged")


def tables(figures: Mapping[str, Any]) -> Iterable[Table]:
    """What a person wants to see of a pairs' or a stream's figures."""
    yield _ranking(figures)
    if figures["kind"] == "stream":
        yield _served(figures)
        return
    yield _decided(figures)
    yield _categories(figures)
    yield _vetoes(figures)


def _ways(figures: Mapping[str, Any]) -> list[str]:
    return [way for way in WAYS if way in figures]


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title)
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="right" if at else "left")
    return table


def _ranking(figures: Mapping[str, Any]) -> Table:
    table = _table(
        f"{figures['file']}: ranking", "", "AUC", "recall at 90 %", "at 95 %", "at 99 % precision"
    )
    for way in _ways(figures):
        held = figures[way]
        if "auc" in held:
            recalls = (f"{value:.3f}" for value in held["recall_at_precision"].values())
            table.add_row(way, "-" if held["auc"] is None else f"{held['auc']:.3f}", *recalls)
    return table


def _served(figures: Mapping[str, Any]) -> Table:
    table = _table(
        "Reuse of all requests", "", "cut", "reused", "wrong", "precision", "judge calls"
    )
    for way in _ways(figures):
        held = figures[way]
        for name, outcome in (
            *(
                (f"{way}, best at {float(wrong):.0%} wrong", one)
                for wrong, one in held["at_wrong"].items()
            ),
            (f"{way}, as served", held["served"]),
        ):
            shares = (_share(outcome[what]) for what in ("reuse", "wrong", "precision"))
            table.add_row(name, f"{outcome['cut']:.3f}", *shares, f"{outcome['judge_calls']:.1%}")
    return table


def _decided(figures: Mapping[str, Any]) -> Table:
    table = _table(
        "As served", "", "cut", "precision", "recall", "best F1", "hit rate", "wrong hits"
    )
    for way in _ways(figures):
        held = figures[way]
        shares = [
            _share(held[what]) for what in ("precision", "recall", "hit_rate", "wrong_hit_rate")
        ]
        table.add_row(way, f"{held['cut']:.3f}", *shares[:2], f"{held['best_f1']:.3f}", *shares[2:])
    return table


def _categories(figures: Mapping[str, Any]) -> Table:
    table = _table("Served by category", "", "pairs", "same", *_ways(figures))
    for name, counts in figures["plain"]["categories"].items():
        shares = (_share(figures[way]["categories"][name]) for way in _ways(figures))
        table.add_row(name, str(counts["pairs"]), str(counts["same"]), *shares)
    return table


def _vetoes(figures: Mapping[str, Any]) -> Table:
    table = _table("Vetoes", "", "rightly", "wrongly")
    for name, counts in sorted(figures["vetoes"].items()):
        table.add_row(name, str(counts["rightly"]), str(counts["wrongly"]))
    return table


def _share(held: Mapping[str, Any]) -> str:
    if held["share"] is None:
        return "-"
    low, high = held["interval"]
    return f"{held['share']:.1%} ({low:.1%} to {high:.1%})"
