"""What one run measures, and how long it may take."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from benchmarks.throughput.workloads import HUNDRED, ONE, PACED, Workload


@dataclass(frozen=True, slots=True)
class Plan:
    """``seconds`` bound the run, starting and ending included; installing is not. Of bursts there are
    at least ``rounds[0]`` rounds and, while there is time, up to ``rounds[1]``."""

    seconds: float
    bursts: tuple[tuple[Workload, int], ...]
    burst_seconds: float
    rounds: tuple[int, int]
    streams: tuple[int, ...]
    few_streams: tuple[int, ...]
    paced: Workload
    ramp_seconds: float
    patience_seconds: float
    paced_rounds: int
    hits_at_once: tuple[int, ...]
    hit_rounds: int
    starts: int


FULL = Plan(
    seconds=590,
    bursts=tuple((workload, at_once) for workload in (ONE, HUNDRED) for at_once in (1, 16, 64)),
    burst_seconds=1.0,
    rounds=(2, 5),
    streams=(100, 300, 600, 1000),
    few_streams=(2, 5, 10, 20, 40),
    paced=PACED,
    ramp_seconds=4.0,
    patience_seconds=13.0,
    paced_rounds=2,
    hits_at_once=(1, 16),
    hit_rounds=3,
    starts=2,
)
QUICK = Plan(
    seconds=150,
    bursts=((ONE, 16), (HUNDRED, 1), (HUNDRED, 16)),
    burst_seconds=0.6,
    rounds=(1, 3),
    streams=(100, 600),
    few_streams=(),
    paced=PACED,
    ramp_seconds=4.0,
    patience_seconds=9.5,
    paced_rounds=1,
    hits_at_once=(1, 16),
    hit_rounds=1,
    starts=0,
)


class Clock:
    """Tells whether there is time for one thing more, and what is being done."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._seconds = seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def say(self, words: str) -> None:
        """A line for whoever waits."""
        print(f"{self.elapsed:4.0f} s  {words}", file=sys.stderr, flush=True)

    def has(self, seconds: float) -> bool:
        """Whether so much is left."""
        return self.elapsed + seconds < self._seconds
