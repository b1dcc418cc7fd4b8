"""``python -m benchmarks.throughput``: what an answer costs and how fast it is, beside others."""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from itertools import product
from operator import attrgetter
from pathlib import Path
from statistics import median
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from benchmarks.throughput.house import House
from benchmarks.throughput.parties import Party
from benchmarks.throughput.slices import Bench, Slice, rounds
from benchmarks.throughput.workloads import HUNDRED, ONE, Workload


def main() -> None:
    """Measure, print and exit."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    with ExitStack() as stack:
        house = House(folder, stack)
        parties = _parties(house, options)
        bench = Bench(house.load())
        for party, workload in product(parties, (ONE, HUNDRED)):  # warm
            bench.slice(party, workload, 4, seconds=2.0, requests=40, patience=60.0)
        for workload, concurrency in product(options.workloads, options.concurrency):
            _measure(bench, parties, workload, concurrency, options)
    print(folder)


def _parties(house: House, options: argparse.Namespace) -> list[Party]:
    parties = [house.direct(), house.relay()]
    if options.proxy:
        parties.append(house.proxy(options.proxy))
    parties += house.ours(options.database)
    named = options.only.split(";") if options.only else [party.name for party in parties]
    return [party for party in parties if party.name in named]


def _measure(
    bench: Bench,
    parties: list[Party],
    workload: Workload,
    concurrency: int,
    options: argparse.Namespace,
) -> None:
    found: dict[str, list[Slice]] = defaultdict(list)
    limits = {"seconds": options.seconds, "requests": 600, "patience": 60.0}
    for party in rounds(parties, options.rounds):
        found[party.name].append(bench.slice(party, workload, concurrency, **limits))
    _print(f"{workload.name}, concurrency {concurrency}", found)


def _print(title: str, by_party: dict[str, list[Slice]]) -> None:
    names = (
        "party",
        "answers",
        "CPU us",
        "x relay",
        "parts",
        "first p50",
        "p99",
        "whole p50",
        "p99",
        "req/s",
    )
    table = Table(*names, title=title)
    relay = by_party.get("bare relay")
    for name, slices in by_party.items():
        cpu = median(one.cpu_us for one in slices)
        ratios = [a.cpu_us / b.cpu_us for a, b in zip(slices, relay or slices, strict=True)]
        parts = ", ".join(f"{part} {_of(part, slices):.0f}" for part in slices[0].cpu)
        rate = median(one.answered / one.result.seconds for one in slices)
        times = [
            sorted(value for one in slices for value in values(one.result))
            for values in (attrgetter("first"), attrgetter("total"))
        ]
        told = [f"{some[int(len(some) * share)]:.1f}" for some in times for share in (0.5, 0.99)]
        answers = sum(one.answered for one in slices)
        table.add_row(
            name, str(answers), f"{cpu:.0f}", f"{median(ratios):.2f}", parts, *told, f"{rate:.0f}"
        )
    Console(width=150).print(table)


def _of(part: str, slices: list[Slice]) -> float:
    return median(one.cpu[part] / one.answered * 1e6 for one in slices)


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what was started is being ended
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    add = parser.add_argument
    add("--database", choices=("sqlite", "postgresql"), default="sqlite")
    add("--proxy", type=Path, help="the litellm program of an environment of its own")
    add("--only", help="these parties alone, separated by semicolons")
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=1.2)
    add(
        "--tokens",
        type=lambda told: Workload(int(told)),
        dest="workloads",
        nargs="*",
        default=[ONE, HUNDRED],
    )
    add("--concurrency", type=int, nargs="*", default=[1, 16, 64])
    return parser.parse_args()


if __name__ == "__main__":
    main()
