"""All slices of a run, by what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.throughput.slices import Slice
from benchmarks.throughput.starts import Start

Measure = Literal["burst", "paced", "exact hit", "semantic hit", "realistic"]


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One thing that every party does, at so many at once."""

    measure: Measure
    workload: str
    concurrency: int

    @property
    def title(self) -> str:
        """For people."""
        what = self.workload if self.measure in {"burst", "paced"} else self.measure
        return f"{what}, {self.concurrency} at once"


@dataclass(slots=True)
class Sheet:
    """Slices by cell and party, in the order of the rounds; starts by party. ``notes`` are what was
    left out, and why."""

    cells: dict[Cell, dict[str, list[Slice]]] = field(default_factory=dict)
    starts: dict[str, list[Start]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, cell: Cell, measured: Slice) -> None:
        """Write one down."""
        self.cells.setdefault(cell, {}).setdefault(measured.party, []).append(measured)

    def of(self, measure: Measure) -> Iterator[tuple[Cell, Mapping[str, list[Slice]]]]:
        """The cells of one measure, in order."""
        for cell in sorted(self.cells):
            if cell.measure == measure:
                yield cell, self.cells[cell]
