"""The targets of the stream path, and whether a run met them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.throughput import figures
from benchmarks.throughput.figures import Spread, percentile
from benchmarks.throughput.paced import (
    ALLOWED_MS,
    MOST_STREAMS,
    TIMES_THE_PROXY,
    added_first_p99,
    held_by,
    wanted_of,
)
from benchmarks.throughput.parties import (
    AHEAD,
    CLASSIFIED,
    DIRECT,
    KNOWN,
    LIMITED,
    OURS,
    PROXY,
    RELAY,
)
from benchmarks.throughput.sheet import Cell, Measure, Sheet
from benchmarks.throughput.workloads import HUNDRED

OF_PROXY_CPU, CLASSIFIED_OF_PROXY_CPU, OF_PROXY_LATENCY = 0.075, 0.22, 0.5
OF_UNLIMITED_CPU, PACED_OF_RELAY_CPU = 1.03, 1.5
STREAM_KB = 100.0
_FIRST_TOKEN = (
    (KNOWN, 560, "for a known kind of question, which no classifier decides"),
    (AHEAD, 680, "where the model is asked ahead"),
)
_HITS: tuple[tuple[Measure, int, float], ...] = (
    ("exact hit", 1, 3.5), ("exact hit", 16, 60), ("semantic hit", 1, 8), ("semantic hit", 16, 75),
)  # fmt: skip
_LATE_MS = {300: 150.0, 600: 300.0}
_PACED = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """``met`` is ``None`` where it was not measured."""

    target: str
    measured: str
    met: bool | None


def _not_measured(target: str) -> Verdict:
    return Verdict(target, "not measured", None)


def verdicts(sheet: Sheet) -> list[Verdict]:
    """All targets, in the order of the table."""
    return [
        _cpu(sheet, OURS, PROXY, OF_PROXY_CPU),
        _cpu(sheet, CLASSIFIED, PROXY, CLASSIFIED_OF_PROXY_CPU),
        _cpu(sheet, LIMITED, OURS, OF_UNLIMITED_CPU),
        _latency(sheet),
        *(_hit(sheet, *each) for each in _HITS),
        *(_first_token(sheet, *each) for each in _FIRST_TOKEN),
        _streams(sheet),
        *(_late(sheet, *each) for each in _LATE_MS.items()),
        _paced_cpu(sheet),
        _memory(sheet),
    ]


def _cpu(sheet: Sheet, party: str, other: str, most: float) -> Verdict:
    found = [
        (cell, figures.ratio(by_party[party], by_party[other], figures.cpu_us))
        for cell, by_party in sheet.of("burst")
        if cell.workload == HUNDRED.name and {party, other} <= set(by_party)
    ]
    wanted = f"CPU of a 100-token answer by '{party}' at most {most} times that by '{other}'"
    return _worst(wanted, found, most, "{:.3f} times")


def _latency(sheet: Sheet) -> Verdict:
    found = [
        (
            cell,
            figures.added_ratio(
                by_party[OURS], by_party[PROXY], by_party[DIRECT], figures.first_p50
            ),
        )
        for cell, by_party in sheet.of("burst")
        if cell.concurrency == 16 and {OURS, PROXY, DIRECT} <= set(by_party)
    ]
    wanted = "added first-token latency at 16 at once at most half of LiteLLM Proxy's"
    return _worst(wanted, found, OF_PROXY_LATENCY, "{:.2f} times")


def _worst(target: str, found: Sequence[tuple[Cell, Spread]], most: float, form: str) -> Verdict:
    """The cell with the highest median decides."""
    if not found:
        return _not_measured(target)
    cell, worst = max(found, key=lambda pair: pair[1].median)
    told = form.format(worst.median)
    spread = f"{worst.low:.2f} to {worst.high:.2f}"
    return Verdict(target, f"{told} ({spread}; {cell.title})", worst.median <= most)


def _streams(sheet: Sheet) -> Verdict:
    target = f"{MOST_STREAMS} paced streams, or {TIMES_THE_PROXY} times what LiteLLM Proxy holds, with the first token at most {ALLOWED_MS:.0f} ms later at p99"
    held, of_proxy = held_by(sheet, OURS), held_by(sheet, PROXY)
    levels = [cell.concurrency for cell, by_party in sheet.of("paced") if OURS in by_party]
    if not levels:
        return _not_measured(target)
    most = added_first_p99(sheet, OURS, max(levels))
    told = f"{most.median:.0f} ms later" if most else "not all answered"
    measured = f"{held} held, LiteLLM Proxy {of_proxy}; {told} at {max(levels)}"
    return Verdict(target, measured, held >= wanted_of(of_proxy))


def _memory(sheet: Sheet) -> Verdict:
    target = f"under {STREAM_KB:.0f} kB of memory per open stream"
    found = stream_kb(sheet, OURS, "worker")
    if found is None:
        return _not_measured(target)
    return Verdict(target, f"{found:.0f} kB", found < STREAM_KB)


def stream_kb(sheet: Sheet, party: str, part: str) -> float | None:
    """A part's own memory per stream at the most streams that were all answered: over its memory before,
    or over that at half as many streams or fewer, whichever is more. What an earlier level left to the
    process hides growth from the one, what is loaded once hides it from the other."""
    seen = [
        (cell.concurrency, one.idle_kb[part], one.open_kb[part])
        for cell, by_party in sheet.of("paced")
        for one in by_party.get(party, [])[:1]
        if one.open_kb and not one.result.cut and not one.result.wrong
    ]
    if not seen:
        return None
    most, idle, opened = seen[-1]
    found = [(opened - idle) / most]
    found += [(opened - less) / (most - fewer) for fewer, _, less in seen if fewer * 2 <= most]
    return max(found)


def memory(sheet: Sheet) -> dict[str, dict[str, float | None]]:
    """``stream_kb`` of every part of every party."""
    parts = {
        name: list(slices[-1].open_kb)
        for _, by_party in sheet.of("paced")
        for name, slices in by_party.items()
    }
    return {
        name: {part: stream_kb(sheet, name, part) for part in some} for name, some in parts.items()
    }


def _hit(sheet: Sheet, measure: Measure, at_once: int, most: float) -> Verdict:
    target = f"{measure}, {at_once} at once: whole answer at p50 in at most {most:g} ms"
    for cell, by_party in sheet.of(measure):
        if cell.concurrency == at_once:
            p50 = percentile(figures.pooled(by_party[OURS], "total"), 50)
            return Verdict(target, f"{p50:.1f} ms", p50 <= most)
    return _not_measured(target)


def _first_token(sheet: Sheet, party: str, most: float, which: str) -> Verdict:
    target = f"first token at p50 in {most:.0f} ms {which} (classifier 600 ms, model 500)"
    for _, by_party in sheet.of("realistic"):
        if party in by_party:
            p50 = percentile(figures.pooled(by_party[party], "first"), 50)
            return Verdict(target, f"{p50:.0f} ms", p50 <= most)
    return _not_measured(target)


def _late(sheet: Sheet, streams: int, most: float) -> Verdict:
    target = f"{streams} paced streams: all whole, tokens at most {most:.0f} ms late at p99"
    for cell, by_party in sheet.of("paced"):
        if cell.concurrency == streams and OURS in by_party:
            results = [one.result for one in by_party[OURS]]
            late = median(result.late.get("p99", math.nan) for result in results)
            cut = sum(result.cut + result.wrong for result in results)
            return Verdict(target, f"{late:.0f} ms, {cut} not whole", not cut and late <= most)
    return _not_measured(target)


def _paced_cpu(sheet: Sheet) -> Verdict:
    target = f"CPU of a paced stream at most {PACED_OF_RELAY_CPU} times the bare relay's, {_PACED} at once"
    for cell, by_party in sheet.of("paced"):
        if cell.concurrency == _PACED and {OURS, RELAY} <= set(by_party):
            found = figures.ratio(by_party[OURS], by_party[RELAY], figures.cpu_us)
            return _worst(target, [(cell, found)], PACED_OF_RELAY_CPU, "{:.2f} times")
    return _not_measured(target)
