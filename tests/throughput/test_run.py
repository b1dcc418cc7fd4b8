"""A small run with real processes: the provider, the client, and the bare relay in between."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.stage import proc
from benchmarks.throughput import meter
from benchmarks.throughput.parties import DIRECT, RELAY, Party
from benchmarks.throughput.plan import QUICK, Clock
from benchmarks.throughput.run import Choice, measured
from benchmarks.throughput.slices import turns
from benchmarks.throughput.workloads import HUNDRED, Workload

SMALL = replace(
    QUICK,
    bursts=((HUNDRED, 4),),
    burst_seconds=0.2,
    rounds=(2, 2),
    streams=(5, 20),
    paced=Workload(10, first_ms=30, between_ms=10),
    ramp_seconds=0.05,
    patience_seconds=10,
    starts=1,
)


@pytest.mark.services
def test_a_small_run(tmp_path: Path) -> None:
    before = set(proc.children(os.getpid()))
    sheet = measured(SMALL, Choice(parties=(DIRECT, RELAY)), tmp_path, Clock(60))

    ((burst, by_party),) = sheet.of("burst")
    assert burst.concurrency == 4
    assert {name: len(slices) for name, slices in by_party.items()} == {DIRECT: 2, RELAY: 2}
    assert all(one.answered and one.cpu_us() > 0 for one in by_party[RELAY])
    assert [cell.concurrency for cell, _ in sheet.of("paced")] == [5, 20]
    assert all(by_party[RELAY][0].open_kb["relay"] > 0 for _, by_party in sheet.of("paced"))
    (start,) = sheet.starts[RELAY]
    assert 0 < start.alive <= start.ready <= start.answered
    assert set(proc.children(os.getpid())) == before


def test_cpu_time_is_read() -> None:
    before = meter.cpu_seconds(os.getpid())
    while meter.cpu_seconds(os.getpid()) == before:
        pass

    assert meter.spent({"me": os.getpid()})["me"] > before
    assert meter.cpu_seconds(2**22 + 1) == 0.0


@pytest.mark.parametrize(("at", "first"), [(0, "a"), (1, "b"), (3, "a")])
def test_everybody_begins_a_round_once(at: int, first: str) -> None:
    parties = [Party(name, 1, "/", "openai", {}) for name in "abc"]

    assert next(turns(parties, at)).name == first
    assert {party.name for party in turns(parties, at)} == {"a", "b", "c"}
