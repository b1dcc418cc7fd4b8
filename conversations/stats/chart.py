"""Chart: a picture as data alone. Pages draw it, tell it as a table, and export it as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Number = float | int | None


@dataclass(frozen=True, slots=True)
class Series:
    """Values beside the labels of their chart. ``kind`` is bar, line or points; ``low`` and ``high`` bound the
    95 % intervals of points; ``soft`` is drawn dashed, ``stacked`` on those before it."""

    label: str
    values: Sequence[Number]
    kind: str = "bar"
    stacked: bool = False
    soft: bool = False
    low: Sequence[Number] = ()
    high: Sequence[Number] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture. ``unit`` is count, usd, ms or share; ``marks`` are labels with a name: the day on
    which a version was published; ``flows`` are counts from one name to the next, in place of series."""

    name: str
    title: str
    head: str
    unit: str
    labels: Sequence[str]
    series: Sequence[Series] = ()
    note: str = ""
    marks: Sequence[tuple[str, str]] = ()
    flows: Sequence[tuple[str, str, int]] = ()
    across: bool = False

    @property
    def script_id(self) -> str:
        """The id of the element that holds it as JSON."""
        return f"chart-{self.name}-data"

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.flows and not any(any(one.values) for one in self.series)

    @property
    def header(self) -> list[str]:
        """Names of the columns of ``rows``."""
        if self.flows:
            return ["From", "To", "Count"]
        names = [self.head]
        for one in self.series:
            names.append(one.label)
            names += [f"{one.label}: 95 % from", "to"] if one.low else []
        return names

    @property
    def rows(self) -> list[list[Any]]:
        """The same numbers as a table."""
        if self.flows:
            return [[_plain(start), _plain(end), count] for start, end, count in self.flows]
        columns: list[Sequence[Any]] = [self.labels]
        for one in self.series:
            columns.append(one.values)
            columns += [one.low, one.high] if one.low else []
        return [list(row) for row in zip(*columns, strict=True)]


def _plain(name: str) -> str:
    return name.removeprefix("rule ").removeprefix("model ")
