"""The CPU that each party of ours may take, as ratios to the bare relay of the same run: ``benchmarks/budget.json``.

A ratio is over its budget where even its lowest round is more than ``ALLOWED`` times of what is written there:
the rounds of a busy machine differ by more than that, the lowest of them by less.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from assistant_site.env import BASE_DIR
from benchmarks.throughput import figures
from benchmarks.throughput.figures import Spread
from benchmarks.throughput.parties import CLASSIFIED, LIMITED, OURS, RELAY, V1
from benchmarks.throughput.sheet import Sheet

ALLOWED = 1.15
BUDGET = BASE_DIR / "benchmarks" / "budget.json"
_HELD = (OURS, LIMITED, CLASSIFIED, V1)

Budget = Mapping[str, Mapping[str, float]]
"""Ratios by workload and party."""


def read(path: Path = BUDGET) -> Budget:
    """What is written there."""
    found: Budget = json.loads(path.read_text(encoding="utf-8"))["cpu_to_relay"]
    return found


def write(sheet: Sheet, commit: str, path: Path = BUDGET) -> None:
    """The medians of this run."""
    told: dict[str, dict[str, float]] = {}
    for workload, party, ratio in _ratios(sheet):
        told.setdefault(workload, {})[party] = round(ratio.median, 1)
    path.write_text(json.dumps({"commit": commit, "cpu_to_relay": told}, indent=2) + "\n")


def faults(sheet: Sheet, budget: Budget) -> Iterator[str]:
    """What is over its budget, and what of the budget was not measured, for people."""
    measured = {(workload, party): ratio for workload, party, ratio in _ratios(sheet)}
    for workload, parties in budget.items():
        for party, expected in parties.items():
            ratio = measured.get((workload, party))
            if ratio is None:
                yield f"{party}, {workload}: not measured."
            elif ratio.low > expected * ALLOWED:
                told = f"{ratio.median:.1f} ({ratio.low:.1f} to {ratio.high:.1f})"
                yield f"{party}, {workload}: {told} times the bare relay's CPU instead of {expected}."


def _ratios(sheet: Sheet) -> Iterator[tuple[str, str, Spread]]:
    for cell, by_party in sheet.of("burst"):
        for party in _HELD:
            if party in by_party and RELAY in by_party:
                found = figures.ratio(by_party[party], by_party[RELAY], figures.cpu_us)
                yield cell.title, party, found
