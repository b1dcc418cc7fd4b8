"""Percentiles, ratios within a round, and what they mean for the targets."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.throughput import chart, figures, record
from benchmarks.throughput.figures import Spread, percentile
from benchmarks.throughput.load import Result
from benchmarks.throughput.paced import added_first_p99, held_by
from benchmarks.throughput.parties import DIRECT, LIMITED, OURS, PROXY, RELAY
from benchmarks.throughput.report import print_run
from benchmarks.throughput.sheet import Cell, Measure, Sheet
from benchmarks.throughput.slices import Slice
from benchmarks.throughput.starts import Start
from benchmarks.throughput.verdicts import memory, verdicts
from benchmarks.throughput.workloads import HUNDRED, ONE, PACED


def one(party: str, *, cpu: float, first: float, kb: int = 0, cut: int = 0) -> Slice:
    """A slice of ten answers with ``cpu`` microseconds and ``first`` milliseconds each."""
    totals = [first * 2] * 10
    result = Result(first=[first] * 10, total=totals, seconds=2.0, cut=cut, late={"p50": 1.0})
    part = "worker" if party == OURS else party
    return Slice(party, result, {part: cpu * 10 / 1e6}, {part: 1000}, {part: 1000 + kb})


def sheet() -> Sheet:
    """Two rounds; the second on a machine that was half as fast."""
    found = Sheet(notes=["a note"], starts={OURS: [Start(1, 2, 3)], RELAY: [Start(0.1, 0.2, 0.3)]})
    costs = {DIRECT: 40, RELAY: 400, PROXY: 120_000, OURS: 1_000, LIMITED: 1_020}
    waits = {DIRECT: 1, RELAY: 3, PROXY: 101, OURS: 11, LIMITED: 11}
    for workload in (ONE, HUNDRED):
        for slow in (1, 2):
            for party, cost in costs.items():
                measured = one(party, cpu=cost * slow, first=waits[party] * slow)
                found.add(Cell("burst", workload.name, 16), measured)
    for streams, late in ((100, 10), (600, 30), (1000, 80)):
        cell = Cell("paced", PACED.name, streams)
        found.add(cell, one(DIRECT, cpu=1, first=300))
        found.add(cell, one(OURS, cpu=1, first=300 + late, kb=streams * 60))
    hit: Measure = "exact hit"
    found.add(Cell(hit, HUNDRED.name, 1), one(OURS, cpu=1, first=1.5))
    return found


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
    assert list(by_words(sheet()).values()) == [True] * 7


def test_targets_that_are_missed() -> None:
    found = sheet()
    for workload in (ONE, HUNDRED):
        for party in (DIRECT, RELAY, PROXY, OURS, LIMITED):
            found.add(Cell("burst", workload.name, 16), one(party, cpu=1, first=1))
            worse = one(
                party, cpu={OURS: 100, LIMITED: 120}.get(party, 1), first=1 + 9 * (party != DIRECT)
            )
            for _ in range(3):
                found.add(Cell("burst", workload.name, 16), worse)
    for streams in (600, 1000):
        slow = one(OURS, cpu=1, first=400, kb=streams * 200)
        found.cells[Cell("paced", PACED.name, streams)][OURS] = [slow]
    for _ in range(3):
        found.add(Cell("exact hit", HUNDRED.name, 1), one(OURS, cpu=1, first=3))

    assert list(by_words(found).values()) == [False] * 7


def test_without_anybody_to_compare_with_nothing_is_claimed() -> None:
    assert list(by_words(Sheet()).values()) == [None] * 7


def test_four_times_what_the_proxy_holds_is_enough() -> None:
    found = sheet()
    held = found.cells[Cell("paced", PACED.name, 600)]
    held[OURS] = [one(OURS, cpu=1, first=400)]
    assert held_by(found, OURS) == 100
    assert verdicts(found)[3].met is False

    found.add(Cell("paced", PACED.name, 25), one(DIRECT, cpu=1, first=300))
    found.add(Cell("paced", PACED.name, 25), one(PROXY, cpu=1, first=340))
    assert verdicts(found)[3].met is True


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
    assert memory(found)[OURS]["worker"] == pytest.approx((1_000_000 - 6000) / 500)


def test_it_is_told_as_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "bench.json"
    record.write(path, record.body(sheet(), {"machine": {"cores": 2}}))
    told = json.loads(path.read_text())

    assert told["machine"] == {"cores": 2}
    answers = {(each["workload"], each["measure"]): each["parties"] for each in told["answers"]}
    ours = answers[HUNDRED.name, "burst"][OURS]
    assert ours["cpu_to_proxy"]["median"] == pytest.approx(1 / 120, rel=1e-3)
    assert [len(ours["rounds"]), ours["added_first_p50_ms"]["high"]] == [2, 20]
    assert [each["streams"] for each in told["paced"]] == [100, 600, 1000]
    assert told["cold_start_seconds"][OURS] == [{"alive": 1, "ready": 2, "answered": 3}]
    assert [target["met"] for target in told["targets"]] == [True] * 7


def test_it_is_told_in_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_run(sheet())
    shown = capsys.readouterr().out

    assert shown.count("met") >= 6
    assert "a note" in shown
    assert "0.00833" in shown


def test_it_is_drawn() -> None:
    drawn = ET.fromstring(chart.draw(sheet()))
    words = {element.text for element in drawn.iter() if element.text}

    assert {DIRECT, RELAY, PROXY, OURS} <= words


def test_nothing_is_drawn_of_nothing() -> None:
    assert len(ET.fromstring(chart.draw(Sheet()))) == 1
