"""The targets of the stream path, and whether a run met them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from benchmarks.throughput.parties import DIRECT, LIMITED, OURS, PROXY, RELAY
from benchmarks.throughput.sheet import Cell, Sheet
from benchmarks.throughput.workloads import HUNDRED

OF_PROXY_CPU, OF_RELAY_CPU, OF_PROXY_LATENCY = 1 / 8, 3.0, 0.5
OF_UNLIMITED_CPU = 1.03
STREAM_KB, EXACT_HIT_MS = 100.0, 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """``met`` is ``None`` where it was not measured."""

    target: str
    measured: str
    met: bool | None


def verdicts(sheet: Sheet) -> list[Verdict]:
    """All targets, in the order of the table."""
    return [
        _cpu(sheet, PROXY, OF_PROXY_CPU, "at most 1/8 of LiteLLM Proxy's"),
        _cpu(sheet, RELAY, OF_RELAY_CPU, "at most 3 times the bare relay's"),
        _latency(sheet),
        _streams(sheet),
        _memory(sheet),
        _exact_hit(sheet),
        _cpu(
            sheet,
            OURS,
            OF_UNLIMITED_CPU,
            "with six limits at most 1.03 times that without",
            of=LIMITED,
        ),
    ]


def _cpu(sheet: Sheet, other: str, most: float, wanted: str, *, of: str = OURS) -> Verdict:
    found = [
        (cell, figures.ratio(by_party[of], by_party[other], figures.cpu_us))
        for cell, by_party in sheet.of("burst")
        if cell.workload == HUNDRED.name and {of, other} <= set(by_party)
    ]
    return _worst(f"CPU of a 100-token answer {wanted}", found, most, "{:.2f} times")


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
        return Verdict(target, "not measured", None)
    cell, worst = max(found, key=lambda pair: pair[1].median)
    told = form.format(worst.median)
    spread = f"{worst.low:.2f} to {worst.high:.2f}"
    return Verdict(target, f"{told} ({spread}; {cell.title})", worst.median <= most)


def _streams(sheet: Sheet) -> Verdict:
    target = f"{MOST_STREAMS} paced streams, or {TIMES_THE_PROXY} times what LiteLLM Proxy holds, with the first token at most {ALLOWED_MS:.0f} ms later at p99"
    held, of_proxy = held_by(sheet, OURS), held_by(sheet, PROXY)
    levels = [cell.concurrency for cell, by_party in sheet.of("paced") if OURS in by_party]
    if not levels:
        return Verdict(target, "not measured", None)
    most = added_first_p99(sheet, OURS, max(levels))
    told = f"{most.median:.0f} ms later" if most else "not all answered"
    measured = f"{held} held, LiteLLM Proxy {of_proxy}; {told} at {max(levels)}"
    return Verdict(target, measured, held >= wanted_of(of_proxy))


def _memory(sheet: Sheet) -> Verdict:
    target = f"under {STREAM_KB:.0f} kB of memory per open stream"
    found = stream_kb(sheet, OURS, "worker")
    if found is None:
        return Verdict(target, "not measured", None)
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


def _exact_hit(sheet: Sheet) -> Verdict:
    target = f"an exact hit's whole answer in under {EXACT_HIT_MS:.0f} ms (p50, one at a time)"
    for cell, by_party in sheet.of("exact hit"):
        if cell.concurrency == 1:
            p50 = percentile(figures.pooled(by_party[OURS], "total"), 50)
            return Verdict(target, f"{p50:.1f} ms", p50 < EXACT_HIT_MS)
    return Verdict(target, "not measured", None)
