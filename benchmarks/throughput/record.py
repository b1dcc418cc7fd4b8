"""A run as JSON: every round's figures, and what they amount to."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.throughput import figures
from benchmarks.throughput.figures import percentile
from benchmarks.throughput.paced import added_first_p99
from benchmarks.throughput.parties import DIRECT, EARLIER, PROXY, RELAY
from benchmarks.throughput.sheet import Sheet
from benchmarks.throughput.slices import Slice
from benchmarks.throughput.verdicts import memory, verdicts


def body(sheet: Sheet, about: Mapping[str, Any]) -> dict[str, Any]:
    """All of it."""
    return {
        **about,
        "targets": [dataclasses.asdict(verdict) for verdict in verdicts(sheet)],
        "answers": [
            {
                "measure": cell.measure,
                "workload": cell.workload,
                "concurrency": cell.concurrency,
                "parties": {name: _answers(name, by_party) for name in by_party},
            }
            for measure in ("burst", "exact hit", "semantic hit", "realistic")
            for cell, by_party in sheet.of(measure)
        ],
        "paced": [
            {
                "streams": cell.concurrency,
                "parties": {
                    name: _paced(slices, sheet, cell.concurrency)
                    for name, slices in by_party.items()
                },
            }
            for cell, by_party in sheet.of("paced")
        ],
        "memory_kb_per_stream": memory(sheet),
        "cold_start_seconds": {
            name: [dataclasses.asdict(start) for start in starts]
            for name, starts in sheet.starts.items()
        },
        "notes": sheet.notes,
    }


def write(path: Path, told: Mapping[str, Any]) -> None:
    """As JSON, in which there is no ``nan``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_plain(told), indent=2) + "\n")


def _answers(name: str, by_party: Mapping[str, list[Slice]]) -> dict[str, Any]:
    slices = by_party[name]
    told: dict[str, Any] = {
        "rounds": [_round(one) for one in slices],
        "cpu_us": dataclasses.asdict(figures.spread(slices, figures.cpu_us)),
        "first_ms": _percentiles(figures.pooled(slices, "first")),
        "total_ms": _percentiles(figures.pooled(slices, "total")),
        "per_second": dataclasses.asdict(figures.spread(slices, lambda one: one.rate)),
    }
    others = {RELAY: "cpu_to_relay", PROXY: "cpu_to_proxy", EARLIER.get(name, ""): "cpu_to_before"}
    for other, field in others.items():
        if other in by_party:
            told[field] = dataclasses.asdict(figures.ratio(slices, by_party[other], figures.cpu_us))
    if direct := by_party.get(DIRECT):
        over = figures.added(slices, direct, figures.first_p50)
        told["added_first_p50_ms"] = dataclasses.asdict(over)
        if proxy := by_party.get(PROXY):
            beside = figures.added_ratio(slices, proxy, direct, figures.first_p50)
            told["added_first_p50_to_proxy"] = dataclasses.asdict(beside)
    return told


def _round(one: Slice) -> dict[str, Any]:
    return {
        "answers": one.answered,
        "seconds": one.result.seconds,
        "cpu_us": {part: one.cpu_us(part) for part in one.cpu},
        "first_ms": _percentiles(one.result.first),
        "total_ms": _percentiles(one.result.total),
    }


def _paced(slices: Sequence[Slice], sheet: Sheet, streams: int) -> dict[str, Any]:
    over = added_first_p99(sheet, slices[0].party, streams)
    return {
        "added_first_p99_ms": dataclasses.asdict(over) if over else None,
        "rounds": [
            {
                "finished": one.answered,
                "unfinished": one.result.cut,
                "wrong": one.result.wrong,
                "examples": one.result.examples,
                "first_ms": _percentiles(one.result.first),
                "token_late_ms": one.result.late,
                "cpu_us": {part: one.cpu_us(part) for part in one.cpu},
                "idle_kb": dict(one.idle_kb),
                "open_kb": dict(one.open_kb),
            }
            for one in slices
        ],
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": percentile(values, share) for share in (50, 95, 99)}


def _plain(value: Any) -> Any:
    """Numbers to four digits, and ``null`` for those that there are not."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value
