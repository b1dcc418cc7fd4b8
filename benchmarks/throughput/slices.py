"""Short slices of one party after the other: what disturbs the machine disturbs all of them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks.throughput import meter
from benchmarks.throughput.load import Job, Result
from benchmarks.throughput.parties import Party

_first_prompts = count(0, 20_000)
_QUIET_WITHIN = 3.0


class WrongRun(RuntimeError):
    """Answers were wrong or missing, so figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One party at one workload. ``cpu`` in seconds by part; ``idle_kb`` and ``open_kb`` are each
    part's own memory before the slice and while all of its streams were open."""

    party: str
    result: Result
    cpu: Mapping[str, float]
    idle_kb: Mapping[str, int] = field(default_factory=dict)
    open_kb: Mapping[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> int:
        """How many whole answers came."""
        return len(self.result.total)

    def cpu_us(self, part: str | None = None) -> float:
        """CPU microseconds of an answer: a part's, or all parts' together."""
        spent = self.cpu[part] if part else sum(self.cpu.values())
        return spent / max(1, self.answered) * 1e6

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self.result.seconds


class Bench:
    """Gives jobs to the load process, one at a time."""

    def __init__(self, load: subprocess.Popen[bytes]) -> None:
        self._load = load

    def slice(self, party: Party, **job: Any) -> Slice:
        """Measure once. Raises ``WrongRun`` where an answer was not what it had to be."""
        measured = self.attempt(party, **job)
        result = measured.result
        if result.cut or result.wrong:
            told = f"{result.cut} unfinished and {result.wrong} wrong answers {result.examples}"
            raise WrongRun(f"{party.name}: {told}")
        strange = [
            outcome
            for outcome in result.outcomes
            if any(outcome[name] != value for name, value in party.outcome.items())
        ]
        if strange:
            told = f"{len(strange)} answers told {strange[0]} instead of {dict(party.outcome)}"
            raise WrongRun(f"{party.name}: {told}")
        return measured

    def attempt(
        self,
        party: Party,
        *,
        look_after: float | None = None,
        quiet_within: float = _QUIET_WITHIN,
        **job: Any,
    ) -> Slice:
        """Measure once, whatever comes. ``look_after`` so many seconds its memory is looked at."""
        before = meter.spent_once_quiet(party.parts, quiet_within)
        idle = meter.private_kb(party.parts) if look_after else {}
        self._begin(_job(party, **job))
        opened: Mapping[str, int] = {}
        if look_after:
            time.sleep(look_after)
            opened = meter.private_kb(party.parts)
        result = self._end()
        after = meter.spent_once_quiet(party.parts, quiet_within)
        cpu = {name: after[name] - before[name] for name in after}
        return Slice(party.name, result, cpu, idle, opened)

    def _begin(self, job: Job) -> None:
        assert self._load.stdin is not None
        self._load.stdin.write(json.dumps(dataclasses.asdict(job)).encode() + b"\n")
        self._load.stdin.flush()

    def _end(self) -> Result:
        assert self._load.stdout is not None
        line = self._load.stdout.readline()
        if not line:
            raise RuntimeError("the load generator ended")
        return Result(**json.loads(line))


def _job(party: Party, **job: Any) -> Job:
    return Job(
        port=party.port,
        path=party.path,
        dialect=party.dialect,
        headers=party.headers,
        body=dict(party.body),
        first_prompt=next(_first_prompts),
        **job,
    )


def turns(parties: Sequence[Party], at: int) -> Iterator[Party]:
    """Everybody once, beginning with another one each round."""
    begin = at % len(parties)
    yield from (*parties[begin:], *parties[:begin])
