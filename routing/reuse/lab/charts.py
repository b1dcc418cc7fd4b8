"""Simple charts as pictures: lines over two axes from nought to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (760, 520)
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 50, 730, 440
_COLOURS = ("#9a3412", "#1d4ed8", "#15803d", "#7e22ce")
_GRID, _INK = "#d4d4d8", "#18181b"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axes:
    """What stands beside the axes, and how far each reaches."""

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
