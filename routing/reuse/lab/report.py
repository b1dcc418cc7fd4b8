"""Report of an evaluation: tables for the terminal, and a line chart as a PNG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from rich.table import Table

WAYS = ("plain", "verified", "alone", "judged")


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
_COLOURS = ("#9a3412", "#1d4ed8", "#15803d", "#7e22ce")
_GRID, _INK = "#d4d4d8", "#18181b"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axes:
    """Labels of the axes, and how far each reaches."""

    title: str
    across: str
    upward: str
    widest: float = 1.0
    highest: float = 1.0


def draw(path: Path, axes: Axes, lines: Mapping[str, Points]) -> None:
    """Write a PNG of the lines. Raises ``OSError``."""
    image = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(image)
    _frame(pen, axes)
    for at, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[at % len(_COLOURS)]
        placed = [_place(axes, point) for point in sorted(points)]
        if len(placed) > 1:
            pen.line(placed, fill=colour, width=3, joint="curve")
        for x, y in placed[:1]:
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
        pen.rectangle((_LEFT + 150 * at, 486, _LEFT + 150 * at + 18, 498), fill=colour)
        pen.text((_LEFT + 150 * at + 26, 484), name, fill=_INK, font=_font(15))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _frame(pen: ImageDraw.ImageDraw, axes: Axes) -> None:
    pen.text((_LEFT, 14), axes.title, fill=_INK, font=_font(18))
    for step in range(6):
        share = step / 5
        x, y = _place(axes, (share * axes.widest, share * axes.highest))
        pen.line((_LEFT, y, _RIGHT, y), fill=_GRID)
        pen.line((x, _TOP, x, _BOTTOM), fill=_GRID)
        pen.text((_LEFT - 10, y), f"{share * axes.highest:.0%}", _INK, _font(14), anchor="rm")
        pen.text((x, _BOTTOM + 8), f"{share * axes.widest:.1%}", _INK, _font(14), anchor="ma")
    pen.text((_RIGHT, _BOTTOM + 28), axes.across, _INK, _font(15), anchor="ra")
    pen.text((_LEFT, _TOP - 12), axes.upward, _INK, _font(14), anchor="lm")


def _place(axes: Axes, point: tuple[float, float]) -> tuple[float, float]:
    x, y = min(point[0] / axes.widest, 1.0), min(point[1] / axes.highest, 1.0)
    return _LEFT + x * (_RIGHT - _LEFT), _BOTTOM - y * (_BOTTOM - _TOP)


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
