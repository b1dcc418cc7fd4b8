"""The table of a run, on the terminal, as JSON, and between the marks of Markdown documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.harden.cases import Case

MOST_SECONDS = 5.0
MOST_SLOW_SECONDS = 50.0
"""Head and body have 10 and 30 s; a body is checked every 10 s."""

MOST_WAIT_SECONDS = 1.0
"""Longest latency of the bystander, on a machine that may be busy."""

COLUMNS = ("case", "sent", "answer", "after s", "latency of others", "longest ms")
_MARKS = re.compile(r"(<!-- harden: ([a-z ]+) -->\n).*?(<!-- /harden -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """One case as it went. ``ratio``: the bystander's median latency by that of an idle server."""

    case: Case
    answer: str
    seconds: float
    ratio: float
    longest: float

    @property
    def faults(self) -> list[str]:
        """The demands that were not met."""
        most = MOST_SLOW_SECONDS if self.case.is_slow else MOST_SECONDS
        demands = {
            f"expected {self.case.expected}": self.answer == self.case.expected,
            f"took more than {most:.0f} s": self.seconds <= most,
            f"others waited for {self.longest:.1f} s": self.longest <= MOST_WAIT_SECONDS,
        }
        return [fault for fault, is_met in demands.items() if not is_met]

    def row(self) -> tuple[str, ...]:
        """Cells of ``COLUMNS``."""
        figures = (f"{self.seconds:.1f}", f"{self.ratio:.1f} x", f"{self.longest * 1000:.0f}")
        return f"{self.case.group}: {self.case.name}", self.case.sent, self.answer, *figures


def markdown(results: Iterable[Result]) -> str:
    """A Markdown table."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(result.row() for result in results)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(text: str, results: Iterable[Result]) -> str:
    """A document with the table of the groups that its marks name. Raises ``ValueError`` without
    marks."""
    kept = list(results)

    def filled(marks: re.Match[str]) -> str:
        groups = marks[2].split()
        return marks[1] + markdown(each for each in kept if each.case.group in groups) + marks[3]

    changed, count = _MARKS.subn(filled, text)
    if not count:
        raise ValueError("there are no <!-- harden: … --> marks")
    return changed
