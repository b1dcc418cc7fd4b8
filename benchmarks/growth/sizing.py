"""``python -m benchmarks.growth.sizing``: what so many open streams need, reckoned from what one takes.

``--one`` is the JSON of ``benchmarks.growth.streams``; every figure of it can be said otherwise. Nothing is
measured here: twice the streams are taken for twice the work.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path

BUSY = 0.6
"""Share of a core that is used: the rest is for bursts, and for the time until there are more pods."""
IDLE_MB = 600.0
"""A worker's memory before the first stream."""
LOG_SECONDS = 3600.0
"""How long the log of an ended answer stays: EVENT_LOG_TTL_SECONDS."""


@dataclass(frozen=True, slots=True)
class One:
    """One answer, from its question to its end. ``worker_kb``, ``clients_kb`` and ``log_kb``: its memory
    while it is open, its bytes to the client, and its log in Redis until it expires."""

    seconds: float = 4.3
    worker_cpu_ms: float = 40.0
    worker_kb: float = 117.0
    redis_cpu_ms: float = 1.0
    redis_commands: float = 50.0
    redis_kb: float = 10.0
    log_kb: float = 10.0
    clients_kb: float = 8.0
    transactions: float = 2.1
    rows: float = 5.8

    @classmethod
    def measured(cls, path: Path) -> dict[str, float]:
        """The figures that ``benchmarks.growth.streams`` wrote, by their names here."""
        told = json.loads(path.read_text())
        each = told["each"]
        return {
            "seconds": told["seconds"],
            "worker_cpu_ms": each["worker's CPU s"] * 1e3,
            "worker_kb": each["worker's memory while open"] / 1e3,
            "redis_cpu_ms": each["Redis CPU s"] * 1e3,
            "redis_commands": each["Redis commands"],
            "redis_kb": (each["bytes to Redis"] + each["bytes from Redis"]) / 1e3,
            "log_kb": each["one log in Redis"] / 1e3,
            "clients_kb": each["bytes to the client"] / 1e3,
            "transactions": each["transactions"],
            "rows": each["rows written"],
        }


def needs(one: One, streams: int, pool: int) -> dict[str, str]:
    """In words, by what it is of."""
    answers = streams / one.seconds
    cores = answers * one.worker_cpu_ms / 1e3
    workers = math.ceil(cores / BUSY)
    held = workers * IDLE_MB / 1e3 + streams * one.worker_kb / 1e6
    return {
        "answers begun and ended a second": f"{answers:,.0f}",
        "cores of the workers, all busy": f"{cores:,.0f}",
        f"workers (pods) of one core, {BUSY:.0%} busy": f"{workers:,}",
        "streams a worker": f"{streams / workers:,.0f}",
        "memory of the workers": f"{held:,.0f} GB",
        "Redis: commands a second": f"{answers * one.redis_commands:,.0f}",
        "Redis: of its one core": f"{answers * one.redis_cpu_ms / 1e3:.0%}",
        "Redis: logs kept for an hour": f"{answers * LOG_SECONDS * one.log_kb / 1e6:,.0f} GB",
        "Redis: traffic": f"{answers * one.redis_kb * 8 / 1e3:,.0f} Mbit/s",
        "Redis: connections, at most": f"{workers * 128:,}",
        "database: transactions a second": f"{answers * one.transactions:,.0f}",
        "database: rows written a second": f"{answers * one.rows:,.0f}",
        "database: connections, at most": f"{workers * pool:,}",
        "bytes to the clients": f"{answers * one.clients_kb * 8 / 1e3:,.0f} Mbit/s",
    }


def main() -> None:
    """Print the table."""
    options = _options()
    told = One.measured(options.one) if options.one else {}
    given = {each.name: getattr(options, each.name) for each in fields(One)}
    one = One(**told | {name: value for name, value in given.items() if value is not None})
    print("| one answer | |\n| --- | ---: |")
    for each in fields(One):
        print(f"| {each.name.replace('_', ' ')} | {getattr(one, each.name):,.1f} |")
    print(f"\n| {options.streams:,} streams | |\n| --- | ---: |")
    for name, value in needs(one, options.streams, options.pool).items():
        print(f"| {name} | {value} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth.sizing", description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--pool", type=int, default=10, help="DATABASE_POOL_SIZE")
    parser.add_argument("--one", type=Path, help="JSON of benchmarks.growth.streams")
    for each in fields(One):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, dest=each.name)
    return parser.parse_args()


if __name__ == "__main__":
    main()
