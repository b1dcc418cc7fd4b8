"""A classifier that takes 600 ms to decide and a model that takes 500 ms to its first token: what a person waits."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.throughput.parties import AHEAD, CLASSIFIED, DIRECT, Party
from benchmarks.throughput.sheet import Cell, Sheet
from benchmarks.throughput.slices import Bench, Slice
from benchmarks.throughput.workloads import HUNDRED, REALISTIC, Workload

SECONDS = 12.0
_QUESTIONS, _OVER_SECONDS = 16, 4.0
_PATIENCE_SECONDS = 20.0
_WARM_ANSWERS, _WARM_AT_ONCE = 24, 8


def measure(bench: Bench, parties: Mapping[str, Party], sheet: Sheet) -> None:
    """New questions, a few of them at a time: classified first, and with the likeliest model asked ahead."""
    cell = Cell("realistic", REALISTIC.name, _QUESTIONS)
    if AHEAD in parties:  # it takes no part in the bursts, which warm up the others
        _asked(bench, parties[AHEAD], HUNDRED, _WARM_AT_ONCE, _WARM_ANSWERS)
    for name in (DIRECT, CLASSIFIED, AHEAD):
        if name in parties:
            sheet.add(cell, _asked(bench, parties[name], REALISTIC, _QUESTIONS, _QUESTIONS))


def _asked(bench: Bench, party: Party, workload: Workload, at_once: int, requests: int) -> Slice:
    return bench.slice(
        party,
        workload=workload,
        concurrency=at_once,
        seconds=_OVER_SECONDS,
        requests=requests,
        patience=_PATIENCE_SECONDS,
    )
