"""The score card on paper: a table for people, JSON for machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.scorecard.audit import Findings
from benchmarks.scorecard.leftovers import Leftovers
from benchmarks.scorecard.timeline import HONEST_SECONDS, Line

SHOWN = 5
"""Cases of a violated invariant that are printed; the JSON has all."""


@dataclass(frozen=True, slots=True)
class Card:
    """All of one run."""

    database: str
    clients: int
    seconds: float
    seed: int
    lines: list[Line]
    findings: Findings
    late: list[str]
    leftovers: Leftovers
    notes: list[str] = field(default_factory=list)

    @property
    def violations(self) -> dict[str, list[str]]:
        """Every invariant with its violations, of which there should be none."""
        return {
            **self.findings.violations,
            f"ended at most {HONEST_SECONDS:.0f} s after its worker": self.late,
            "nothing was left over": self.leftovers.left,
        }

    @property
    def holds(self) -> bool:
        """Whether no invariant was violated."""
        return not any(self.violations.values())


def print_card(card: Card) -> None:
    """For a person at a terminal."""
    console = Console(width=max(110, Console().width))
    console.print(_kills(card))
    console.print(_facts(card))
    console.print(_invariants(card))
    for note in card.notes:
        console.print(note)
    for name, cases in card.violations.items():
        for case in cases[:SHOWN]:
            console.print(f"[red]{name}: {case}", highlight=False)


def write_card(card: Card, path: Path) -> None:
    """As JSON."""
    body = {**asdict(card), "violations": card.violations, "holds": card.holds}
    path.write_text(json.dumps(body, indent=2, default=str) + "\n")


def _kills(card: Card) -> Table:
    table = Table(title=f"Kills: {card.database}, {card.clients} people, {card.seconds:.0f} s")
    for name in (
        "what",
        "away s",
        "under way",
        "cut",
        "interrupted",
        "ended after s",
        "silence s",
    ):
        table.add_column(name, justify="left" if name == "what" else "right")
    for line in card.lines:
        counts = (f"{line.away:.1f}", line.open, line.cut, line.interrupted)
        table.add_row(
            line.name, *map(str, counts), _seconds(line.slowest_end), _seconds(line.longest_silence)
        )
    return table


def _facts(card: Card) -> Table:
    table = Table("counted", "", show_header=False)
    for name, value in {**card.findings.facts, **card.leftovers.figures}.items():
        table.add_row(name, str(value))
    return table


def _invariants(card: Card) -> Table:
    table = Table("invariant", "violations")
    for name, cases in card.violations.items():
        table.add_row(name, f"[red]{len(cases)}" if cases else "[green]0")
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
