"""A classifier that takes 600 ms to decide and a model that takes 500 ms to its first token: what a person waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count, islice

from benchmarks.throughput.parties import AHEAD, CLASSIFIED, DIRECT, KNOWN, Party
from benchmarks.throughput.sheet import Cell, Sheet
from benchmarks.throughput.slices import Bench, Slice
from benchmarks.throughput.workloads import HUNDRED, REALISTIC, Workload

SECONDS = 20.0
_QUESTIONS, _OVER_SECONDS = 16, 4.0
_PATIENCE_SECONDS = 20.0
_WARM_ANSWERS, _WARM_AT_ONCE = 24, 8
_numbers = count(11)


def measure(bench: Bench, parties: Mapping[str, Party], sheet: Sheet) -> None:
    """New questions, a few of them at a time: classified first, with the likeliest model asked ahead, and of a
    kind that was classified often enough."""
    cell = Cell("realistic", REALISTIC.name, _QUESTIONS)
    for name in (DIRECT, CLASSIFIED, AHEAD, KNOWN):
        if name in parties:
            _warm_up(bench, parties[name])
            sheet.add(cell, _asked(bench, parties[name], REALISTIC, _QUESTIONS, _QUESTIONS))


def _warm_up(bench: Bench, party: Party) -> None:
    """Those who take no part in the bursts, which warm up the others. Of a known kind the first ones are
    classified."""
    if party.name == AHEAD:
        _asked(bench, party, HUNDRED, _WARM_AT_ONCE, _WARM_ANSWERS)
    if party.name == KNOWN:
        _asked(bench, replace(party, outcome={}), REALISTIC, _WARM_AT_ONCE, _WARM_ANSWERS)


def _of_known_kind(workload: Workload, questions: int) -> Sequence[str]:
    """Numbers that differ keep stored answers from being served."""
    asked = (
        f"{workload.mark} Write a Python function that adds {number} whole numbers."
        for number in _numbers
    )
    return [*islice(asked, questions)]


def _asked(bench: Bench, party: Party, workload: Workload, at_once: int, requests: int) -> Slice:
    return bench.slice(
        party,
        workload=workload,
        concurrency=at_once,
        seconds=_OVER_SECONDS,
        requests=requests,
        patience=_PATIENCE_SECONDS,
        questions=_of_known_kind(workload, requests) if party.name == KNOWN else (),
    )
