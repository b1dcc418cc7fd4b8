"""A run as a picture: what an answer costs, and when many streams get their first token."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.throughput import figures
from benchmarks.throughput.figures import Spread, percentile
from benchmarks.throughput.paced import ALLOWED_MS
from benchmarks.throughput.parties import CLASSIFIED, DIRECT, LIMITED, OURS, PROXY, RELAY, V1
from benchmarks.throughput.sheet import Sheet
from benchmarks.throughput.workloads import HUNDRED

_COLOURS = {
    DIRECT: "#71717a",
    RELAY: "#0369a1",
    OURS: "#15803d",
    LIMITED: "#a16207",
    CLASSIFIED: "#65a30d",
    V1: "#0f766e",
    PROXY: "#b91c1c",
}
_WIDTH, _HEIGHT = 1080, 460
_INK, _GRID = "#18181b", "#e4e4e7"
_AT_ONCE = 16
Point = tuple[float, float]


def draw(sheet: Sheet) -> str:
    """The picture as SVG."""
    parts = [*_costs(sheet), *_waits(sheet)]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="{_INK}">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def write(path: Path, sheet: Sheet) -> None:
    """Draw it into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(sheet))


class _Scale:
    """Logarithmic: what is compared differs by orders of magnitude."""

    def __init__(self, lowest: float, highest: float, start: float, end: float) -> None:
        self._low = math.floor(math.log10(lowest))
        self._high = max(self._low + 1, math.ceil(math.log10(highest)))
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Where a value lies."""
        share = (math.log10(max(value, 10**self._low)) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    @property
    def decades(self) -> list[float]:
        """The powers of ten on it."""
        return [10.0**power for power in range(self._low, self._high + 1)]


def _costs(sheet: Sheet) -> list[str]:
    """A bar for every party, with the rounds' spread."""
    for cell, by_party in sheet.of("burst"):
        if cell.workload == HUNDRED.name and cell.concurrency == _AT_ONCE:
            found = {
                name: figures.spread(some, figures.cpu_us)
                for name, some in by_party.items()
                if name in _COLOURS
            }
            return _bars(found)
    return []


def _bars(found: Mapping[str, Spread]) -> list[str]:
    scale = _Scale(10, max(one.high for one in found.values()), 150, 500)
    parts = [_text(20, 32, "CPU µs of a 100-token answer, 16 at once", size=17)]
    bottom = 70 + 52 * len(found)
    for value in scale.decades:
        parts += [_line((scale.at(value), 56), (scale.at(value), bottom), _GRID)]
        parts += [_text(scale.at(value), bottom + 18, f"{value:,.0f}", anchor="middle")]
    for at, (name, one) in enumerate(found.items()):
        top, colour = 70 + 52 * at, _COLOURS[name]
        width = scale.at(one.median) - 150
        parts += [
            f'<rect x="150" y="{top}" width="{width:.1f}" height="28" fill="{colour}"/>',
            _line((scale.at(one.low), top + 14), (scale.at(one.high), top + 14), _INK, width=2),
            _text(142, top + 19, name, anchor="end"),
            _text(
                max(scale.at(one.high), scale.at(one.median)) + 6, top + 19, f"{one.median:,.0f}"
            ),
        ]
    return parts


def _waits(sheet: Sheet) -> list[str]:
    """A line for every party, over the number of streams."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for cell, by_party in sheet.of("paced"):
        for name, slices in by_party.items():
            p99 = percentile(figures.pooled(slices, "first"), 99)
            lines.setdefault(name, []).append((cell.concurrency, p99))
    return _lines(lines) if lines else []


def _lines(lines: Mapping[str, Sequence[tuple[int, float]]]) -> list[str]:
    values = [value for points in lines.values() for _, value in points]
    up = _Scale(min(values), max(values), 330, 60)
    across = _Scale(min(count for points in lines.values() for count, _ in points), 1000, 640, 1050)
    title = "First token at p99, ms, by open paced streams"
    parts = [_text(590, 32, title, size=17)]
    for value in up.decades:
        parts += [_line((640, up.at(value)), (1050, up.at(value)), _GRID)]
        parts += [_text(632, up.at(value) + 5, f"{value:,.0f}", anchor="end")]
    for value in across.decades:
        parts += [_line((across.at(value), 60), (across.at(value), 330), _GRID)]
        parts += [_text(across.at(value), 348, f"{value:,.0f}", anchor="middle")]
    for at, (name, points) in enumerate(lines.items()):
        placed = [(across.at(count), up.at(value)) for count, value in points]
        parts += [_path(placed, _COLOURS[name]), *_legend(at, name)]
    return [*parts, _text(640, 440, f"Held: at most {ALLOWED_MS:.0f} ms later than direct.")]


def _legend(at: int, name: str) -> list[str]:
    x, y = 640 + 140 * (at % 3), 378 + 26 * (at // 3)
    mark = f'<rect x="{x}" y="{y - 11}" width="14" height="14" fill="{_COLOURS[name]}"/>'
    return [mark, _text(x + 20, y + 1, name)]


def _path(points: Sequence[Point], colour: str) -> str:
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points)
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    line = f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="3"/>'
    return f'<g fill="{colour}">{line}{dots}</g>'


def _line(start: Point, end: Point, colour: str, width: int = 1) -> str:
    ends = 'x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"'.format(*start, *end)
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 14) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f"<text {place}>{escape(words)}</text>"
