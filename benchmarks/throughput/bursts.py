"""Answers whose tokens all come at once: what the machinery around them costs."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.throughput.parties import Party
from benchmarks.throughput.plan import Clock, Plan
from benchmarks.throughput.sheet import Cell, Sheet
from benchmarks.throughput.slices import Bench, turns
from benchmarks.throughput.workloads import HUNDRED

_MOST_ANSWERS = 400
_PATIENCE_SECONDS = 90.0
_WARM_ANSWERS, _WARM_AT_ONCE = 24, 8


class Bursts:
    """Rounds over all workloads."""

    def __init__(self, bench: Bench, parties: Sequence[Party], plan: Plan, sheet: Sheet) -> None:
        self._bench, self._parties, self._plan, self._sheet = bench, parties, plan, sheet
        self._rounds, self._longest = 0, 0.0

    def warm(self) -> None:
        """What is loaded or built at first use shall not be measured."""
        for party in self._parties:
            self._bench.slice(
                party,
                workload=HUNDRED,
                concurrency=_WARM_AT_ONCE,
                seconds=4.0,
                requests=_WARM_ANSWERS,
                patience=_PATIENCE_SECONDS,
            )

    def rounds(self, least: int, most: int, clock: Clock) -> None:
        """So many rounds more, as far as there is time."""
        for at in range(most):
            if at >= least and not clock.has(self._longest * 1.1):
                self._sheet.notes.append(f"bursts: {self._rounds} rounds, then time was up")
                return
            clock.say(f"bursts, round {self._rounds + 1}")
            began = clock.elapsed
            self._round()
            self._longest = max(self._longest, clock.elapsed - began)

    def _round(self) -> None:
        for workload, at_once in self._plan.bursts:
            cell = Cell("burst", workload.name, at_once)
            for party in turns(self._parties, self._rounds):
                measured = self._bench.slice(
                    party,
                    workload=workload,
                    concurrency=at_once,
                    seconds=self._plan.burst_seconds,
                    requests=_MOST_ANSWERS,
                    patience=_PATIENCE_SECONDS,
                )
                self._sheet.add(cell, measured)
        self._rounds += 1
