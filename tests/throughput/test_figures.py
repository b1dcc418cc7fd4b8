"""Percentiles, ratios within a round, and what they mean for the targets."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.throughput import budget, chart, figures, record
from benchmarks.throughput.figures import Spread, percentile
from benchmarks.throughput.load import Result
from benchmarks.throughput.paced import added_first_p99, held_by
from benchmarks.throughput.parties import (
    AHEAD,
    BEFORE,
    CLASSIFIED,
    DIRECT,
    KNOWN,
    LIMITED,
    OURS,
    PROXY,
    RELAY,
)
from benchmarks.throughput.report import print_run
from benchmarks.throughput.sheet import Cell, Measure, Sheet
from benchmarks.throughput.slices import Slice
from benchmarks.throughput.starts import Start
from benchmarks.throughput.verdicts import memory, verdicts
from benchmarks.throughput.workloads import HUNDRED, ONE, PACED, REALISTIC


def one(
    party: str, *, cpu: float, first: float, kb: int = 0, cut: int = 0, late: float = 1
) -> Slice:
    """A slice of ten answers with ``cpu`` microseconds and ``first`` milliseconds each."""
    totals = [first * 2] * 10
    result = Result(
        first=[first] * 10, total=totals, seconds=2.0, cut=cut, late={"p50": 1.0, "p99": late}
    )
    part = "worker" if party == OURS else party
    return Slice(party, result, {part: cpu * 10 / 1e6}, {part: 1000}, {part: 1000 + kb})


def sheet() -> Sheet:
    """Two rounds; the second on a machine that was half as fast."""
    found = Sheet(notes=["a note"], starts={OURS: [Start(1, 2, 3)], RELAY: [Start(0.1, 0.2, 0.3)]})
    costs = {DIRECT: 40, RELAY: 400, PROXY: 120_000, OURS: 1_000, LIMITED: 1_020, CLASSIFIED: 9_000}
    waits = {DIRECT: 1, RELAY: 3, PROXY: 101, OURS: 11, LIMITED: 11, CLASSIFIED: 40}
    for workload in (ONE, HUNDRED):
        for slow in (1, 2):
            for party, cost in costs.items():
                measured = one(party, cpu=cost * slow, first=waits[party] * slow)
                found.add(Cell("burst", workload.name, 16), measured)
    for streams, late in ((100, 10), (300, 20), (600, 30), (1000, 80)):
        cell = Cell("paced", PACED.name, streams)
        found.add(cell, one(DIRECT, cpu=1, first=300))
        found.add(cell, one(RELAY, cpu=1, first=300))
        found.add(cell, one(OURS, cpu=1, first=300 + late, kb=streams * 60))
    hits: tuple[Measure, ...] = ("exact hit", "semantic hit")
    for hit, at_once in product(hits, (1, 16)):
        found.add(Cell(hit, HUNDRED.name, at_once), one(OURS, cpu=1, first=1.5))
    for party, first in ((AHEAD, 660), (KNOWN, 540)):
        found.add(Cell("realistic", REALISTIC.name, 16), one(party, cpu=1, first=first))
    return found


TARGETS = 15


def held_verdict(found: Sheet) -> bool | None:
    (held,) = [met for target, met in by_words(found).items() if "LiteLLM Proxy holds" in target]
    return held


def by_words(found: Sheet) -> dict[str, bool | None]:
    return {verdict.target: verdict.met for verdict in verdicts(found)}


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (50, 3), (79, 4), (80, 4), (95, 5), (100, 5)]
)
def test_percentiles_by_nearest_rank(share: float, expected: float) -> None:
    assert percentile([3, 1, 5, 2, 4], share) == expected


def test_ratios_are_taken_within_a_round() -> None:
    (by_party,) = [by_party for cell, by_party in sheet().of("burst") if cell.workload == ONE.name]
    slow, fast = by_party[OURS], by_party[PROXY]

    assert figures.spread(slow, figures.cpu_us) == Spread(1500, 1000, 2000)
    assert figures.ratio(slow, fast, figures.cpu_us).high == pytest.approx(1 / 120)
    assert figures.added(slow, by_party[DIRECT], figures.first_p50) == Spread(15, 10, 20)
    assert figures.added_ratio(slow, fast, by_party[DIRECT], figures.first_p50) == Spread(
        0.1, 0.1, 0.1
    )


def test_targets_that_are_met() -> None:
    assert list(by_words(sheet()).values()) == [True] * TARGETS


def test_targets_that_are_missed() -> None:
    found = sheet()
    for workload in (ONE, HUNDRED):
        for party in (DIRECT, RELAY, PROXY, OURS, LIMITED, CLASSIFIED):
            found.add(Cell("burst", workload.name, 16), one(party, cpu=1, first=1))
            cpu = {OURS: 100, LIMITED: 120, CLASSIFIED: 200}.get(party, 1)
            worse = one(party, cpu=cpu, first=1 + 9 * (party != DIRECT))
            for _ in range(3):
                found.add(Cell("burst", workload.name, 16), worse)
    for streams in (300, 600, 1000):
        slow = one(OURS, cpu=2, first=400, kb=streams * 200, late=301)
        found.cells[Cell("paced", PACED.name, streams)][OURS] = [slow]
    for cell, _ in [*found.of("exact hit"), *found.of("semantic hit"), *found.of("realistic")]:
        for _ in range(3):
            for party in (AHEAD, KNOWN) if cell.measure == "realistic" else (OURS,):
                found.add(cell, one(party, cpu=1, first=700))

    assert list(by_words(found).values()) == [False] * TARGETS


def test_without_anybody_to_compare_with_nothing_is_claimed() -> None:
    assert list(by_words(Sheet()).values()) == [None] * TARGETS


def test_four_times_what_the_proxy_holds_is_enough() -> None:
    found = sheet()
    held = found.cells[Cell("paced", PACED.name, 600)]
    held[OURS] = [one(OURS, cpu=1, first=400)]
    assert held_by(found, OURS) == 300
    assert held_verdict(found) is False

    found.add(Cell("paced", PACED.name, 25), one(DIRECT, cpu=1, first=300))
    found.add(Cell("paced", PACED.name, 25), one(PROXY, cpu=1, first=340))
    assert held_verdict(found) is True


def test_streams_that_were_cut_are_not_held() -> None:
    found = sheet()
    found.add(Cell("paced", PACED.name, 100), one(OURS, cpu=1, first=300, cut=1))

    assert added_first_p99(found, OURS, 100) is None


def test_memory_is_that_of_one_more_stream() -> None:
    found = sheet()
    assert memory(found)[OURS] == {"worker": pytest.approx(60)}

    leaves_it_to_the_next = one(OURS, cpu=1, first=300, kb=1_000_000)
    found.cells[Cell("paced", PACED.name, 600)][OURS] = [leaves_it_to_the_next]
    overwhelmed = one(OURS, cpu=1, first=300, cut=9)
    found.cells[Cell("paced", PACED.name, 1000)][OURS] = [overwhelmed]
    assert memory(found)[OURS]["worker"] == pytest.approx((1_000_000 - 18_000) / 300)


def test_it_is_told_as_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "bench.json"
    record.write(path, record.body(sheet(), {"machine": {"cores": 2}}))
    told = json.loads(path.read_text())

    assert told["machine"] == {"cores": 2}
    answers = {(each["workload"], each["measure"]): each["parties"] for each in told["answers"]}
    ours = answers[HUNDRED.name, "burst"][OURS]
    assert ours["cpu_to_proxy"]["median"] == pytest.approx(1 / 120, rel=1e-3)
    assert [len(ours["rounds"]), ours["added_first_p50_ms"]["high"]] == [2, 20]
    assert [each["streams"] for each in told["paced"]] == [100, 300, 600, 1000]
    assert told["cold_start_seconds"][OURS] == [{"alive": 1, "ready": 2, "answered": 3}]
    assert [target["met"] for target in told["targets"]] == [True] * TARGETS


def test_it_is_told_in_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_run(sheet())
    shown = capsys.readouterr().out

    assert shown.count("met") >= 6
    assert "a note" in shown
    assert "0.00833" in shown


def test_a_commit_measured_in_the_same_rounds_is_told_as_a_ratio(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = sheet()
    for slow in (1, 2):
        found.add(Cell("burst", HUNDRED.name, 16), one(BEFORE, cpu=1_250 * slow, first=11 * slow))
    print_run(found)
    told = record.body(found, {})

    (hundred,) = [
        each
        for each in told["answers"]
        if each["workload"] == HUNDRED.name and each["measure"] == "burst"
    ]
    assert hundred["parties"][OURS]["cpu_to_before"]["median"] == pytest.approx(0.8)
    assert "cpu_to_before" not in hundred["parties"][RELAY]
    assert "0.8" in capsys.readouterr().out
    assert BEFORE not in chart.draw(found)


def test_more_cpu_than_the_budget_is_a_fault_if_no_round_kept_it(tmp_path: Path) -> None:
    path, found = tmp_path / "budget.json", sheet()
    budget.write(found, "abc", path)
    kept = budget.read(path)
    assert kept[f"{HUNDRED.name}, 16 at once"][OURS] == 2.5
    assert list(budget.faults(found, kept)) == []

    for party in (OURS, LIMITED, CLASSIFIED, RELAY):  # a round in which all of ours were slow
        cpu = 400 if party == RELAY else 90_000
        found.add(Cell("burst", HUNDRED.name, 16), one(party, cpu=cpu, first=11))
    assert list(budget.faults(found, kept)) == []

    dear = {workload: dict.fromkeys(parties, 2.1) for workload, parties in kept.items()}
    assert len(list(budget.faults(found, dear))) == 6
    (missing,) = budget.faults(Sheet(), {"100-token burst, 16 at once": {OURS: 2.5}})
    assert "not measured" in missing


def test_the_budget_that_is_kept_has_our_parties() -> None:
    assert {OURS, CLASSIFIED} <= set(budget.read()[f"{HUNDRED.name}, 16 at once"])


def test_it_is_drawn() -> None:
    drawn = ET.fromstring(chart.draw(sheet()))
    words = {element.text for element in drawn.iter() if element.text}

    assert {DIRECT, RELAY, PROXY, OURS} <= words


def test_nothing_is_drawn_of_nothing() -> None:
    assert len(ET.fromstring(chart.draw(Sheet()))) == 1
