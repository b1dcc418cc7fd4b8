"""Short slices of one party after the other: what disturbs the machine disturbs all of them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from benchmarks.throughput import meter
from benchmarks.throughput.load import Job, Result
from benchmarks.throughput.parties import Party
from benchmarks.throughput.workloads import Workload

_first_prompts = count(0, 100_000)


@dataclass(frozen=True, slots=True)
class Slice:
    """One party at one workload. ``cpu`` in seconds by part."""

    party: str
    workload: str
    concurrency: int
    result: Result
    cpu: dict[str, float]

    @property
    def answered(self) -> int:
        """How many whole answers came."""
        return len(self.result.first)

    @property
    def cpu_us(self) -> float:
        """CPU microseconds of an answer, all parts together."""
        return sum(self.cpu.values()) / max(1, self.answered) * 1e6


class WrongRun(RuntimeError):
    """Answers were wrong or missing, so figures would mean nothing."""


class Bench:
    """Gives jobs to the load process."""

    def __init__(self, load: subprocess.Popen[bytes]) -> None:
        self._load = load

    def slice(self, party: Party, workload: Workload, concurrency: int, **job: Any) -> Slice:
        """Measure once. Raises ``WrongRun`` where an answer was not what it had to be."""
        before = meter.spent_once_quiet(party.parts)
        result = self._run(
            Job(
                port=party.port,
                path=party.path,
                dialect=party.dialect,
                workload=workload,
                concurrency=concurrency,
                headers=party.headers,
                body=dict(party.body),
                first_prompt=next(_first_prompts),
                **job,
            )
        )
        after = meter.spent_once_quiet(party.parts)
        _check(party, result)
        cpu = {name: after[name] - before[name] for name in after}
        return Slice(party.name, workload.name, concurrency, result, cpu)

    def _run(self, job: Job) -> Result:
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        self._load.stdin.write(json.dumps(dataclasses.asdict(job)).encode() + b"\n")
        self._load.stdin.flush()
        line = self._load.stdout.readline()
        if not line:
            raise RuntimeError("the load generator ended")
        return Result(**json.loads(line))


def _check(party: Party, result: Result) -> None:
    if result.wrong:
        raise WrongRun(f"{party.name}: {result.wrong} wrong answers, such as {result.examples}")
    for name, value in party.facts.items():
        told = {fact: n for fact, n in result.facts.items() if fact.startswith(f"{name} ")}
        if told and set(told) != {f"{name} {value}"}:
            raise WrongRun(f"{party.name}: {name} should be {value}, but was {told}")


def rounds(parties: Sequence[Party], times: int) -> Iterator[Party]:
    """Everybody so many times, beginning with another one each time."""
    for at in range(times):
        begin = at % len(parties)
        yield from (*parties[begin:], *parties[:begin])
