"""Report of an evaluation: tables for the terminal, and a line chart as a PNG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from rich.table import Table

WAYS = ("plain", "verified", "linked", "alone", "judged")


def tables(figures: Mapping[str, Any]) -> Iterable[Table]:
    """The tables of a pairs' or a stream's figures."""
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
        figures_of_way = figures[way]
        if "auc" in figures_of_way:
            recalls = (f"{value:.3f}" for value in figures_of_way["recall_at_precision"].values())
            table.add_row(
                way,
                "-" if figures_of_way["auc"] is None else f"{figures_of_way['auc']:.3f}",
                *recalls,
            )
    return table


def _served(figures: Mapping[str, Any]) -> Table:
    table = _table(
        "Reuse of all requests", "", "cut", "reused", "wrong", "precision", "judge calls"
    )
    for way in _ways(figures):
        figures_of_way = figures[way]
        for name, outcome in (
            *(
                (f"{way}, best at {float(wrong):.0%} wrong", one)
                for wrong, one in figures_of_way["at_wrong"].items()
            ),
            (f"{way}, as served", figures_of_way["served"]),
        ):
            shares = (_share(outcome[name]) for name in ("reuse", "wrong", "precision"))
            table.add_row(name, f"{outcome['cut']:.3f}", *shares, f"{outcome['judge_calls']:.1%}")
    return table


def _decided(figures: Mapping[str, Any]) -> Table:
    table = _table(
        "As served", "", "cut", "precision", "recall", "best F1", "hit rate", "wrong hits"
    )
    for way in _ways(figures):
        figures_of_way = figures[way]
        shares = [
            _share(figures_of_way[name])
            for name in ("precision", "recall", "hit_rate", "wrong_hit_rate")
        ]
        table.add_row(
            way,
            f"{figures_of_way['cut']:.3f}",
            *shares[:2],
            f"{figures_of_way['best_f1']:.3f}",
            *shares[2:],
        )
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


def _share(figures_of_way: Mapping[str, Any]) -> str:
    if figures_of_way["share"] is None:
        return "-"
    low, high = figures_of_way["interval"]
    return f"{figures_of_way['share']:.1%} ({low:.1%} to {high:.1%})"


SIZE = (760, 520)
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 50, 730, 440
_COLOURS = ("#9a3412", "#1d4ed8", "#0e7490", "#15803d", "#7e22ce")
_GRID, _INK = "#d4d4d8", "#18181b"


@dataclass(frozen=True, slots=True)
class Axes:
    """Labels of the axes, and how far the one across reaches; the other reaches 1."""

    title: str
    across: str
    upward: str
    widest: float = 1.0

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a point; points beyond the axes lie on the edge."""
        right, up = min(x / self.widest, 1.0), min(y, 1.0)
        return _LEFT + right * (_RIGHT - _LEFT), _BOTTOM - up * (_BOTTOM - _TOP)


def draw(path: Path, axes: Axes, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Write a PNG of the lines. Raises ``OSError``."""
    image = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(image)
    pen.font = ImageFont.load_default(15)
    # The grid comes first: the lines lie on it.
    _draw_grid(pen, axes)
    for at, (name, points) in enumerate(lines.items()):
        pixels = [axes.place(*point) for point in sorted(points)]
        if len(pixels) > 1:
            pen.line(pixels, fill=_COLOURS[at], width=3, joint="curve")
        for x, y in pixels[:1]:
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_COLOURS[at])
        pen.text((_LEFT + 125 * at, 484), name, _COLOURS[at])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _draw_grid(pen: ImageDraw.ImageDraw, axes: Axes) -> None:
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x, y = axes.place(share * axes.widest, share)
        pen.line((_LEFT, y, _RIGHT, y), fill=_GRID)
        pen.line((x, _TOP, x, _BOTTOM), fill=_GRID)
        pen.text((_LEFT - 10, y), f"{share:.0%}", _INK, anchor="rm")
        pen.text((x, _BOTTOM + 8), f"{share * axes.widest:.1%}", _INK, anchor="ma")
    pen.text((_LEFT, 14), axes.title, _INK)
    pen.text((_RIGHT, _BOTTOM + 28), axes.across, _INK, anchor="ra")
    pen.text((_LEFT, _TOP - 12), axes.upward, _INK, anchor="lm")
