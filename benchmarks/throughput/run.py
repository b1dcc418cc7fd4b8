"""One run from its start to its end."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.throughput import realistic
from benchmarks.throughput.bursts import Bursts
from benchmarks.throughput.hits import Hits
from benchmarks.throughput.house import House
from benchmarks.throughput.paced import Paced
from benchmarks.throughput.parties import ALL, CLASSIFIED, REALISTIC_ALONE
from benchmarks.throughput.plan import Clock, Plan
from benchmarks.throughput.sheet import Sheet
from benchmarks.throughput.slices import Bench
from benchmarks.throughput.starts import cold_start

MEASURES = ("bursts", "hits", "realistic", "paced", "starts")


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the plan is done, and by whom. ``proxy_programs`` is where LiteLLM Proxy is, ``before`` the
    folder of another commit, if they are to take part."""

    proxy_programs: Path | None = None
    before: Path | None = None
    database: str = "sqlite"
    parties: Collection[str] = ALL
    measures: Collection[str] = MEASURES


def measured(plan: Plan, choice: Choice, folder: Path, clock: Clock) -> Sheet:
    """Start everybody, measure, and end everybody. Raises ``WrongRun``, and ``RuntimeError`` for what
    does not start."""
    with ExitStack() as stack:
        clock.say("starting everybody")
        house = House(folder, stack)
        house.open(
            choice.parties,
            database=choice.database,
            proxy_programs=choice.proxy_programs,
            earlier=choice.before,
        )
        run = _Run(plan, choice, clock, house=house, bench=Bench(house.load()))
        run.all()
        return run.sheet


_HIT_SECONDS, _START_SECONDS = 15.0, 40.0


class _Run:
    """Everything is up."""

    def __init__(
        self, plan: Plan, choice: Choice, clock: Clock, *, house: House, bench: Bench
    ) -> None:
        self.sheet = Sheet()
        self._plan, self._choice, self._clock = plan, choice, clock
        self._house, self._bench = house, bench
        self._parties = {party.name: party for party in house.parties}

    def all(self) -> None:
        """Rounds of bursts come first and last: what changes meanwhile is seen in their spread."""
        asked = [party for name, party in self._parties.items() if name not in REALISTIC_ALONE]
        bursts = Bursts(self._bench, asked, self._plan, self.sheet)
        self._clock.say("warming up")
        bursts.warm()
        least, most = self._plan.rounds
        if "bursts" in self._choice.measures:
            bursts.rounds(least, least, self._clock)
        self._hits()
        self._realistic()
        paced = Paced(self._bench, self._parties, self._plan, self.sheet, self._clock)
        if "paced" in self._choice.measures:
            paced.measure()
        self._starts()
        if "paced" in self._choice.measures and self._plan.paced_rounds > 1:
            paced.again()
        if "bursts" in self._choice.measures:
            bursts.rounds(0, most - least, self._clock)

    def _hits(self) -> None:
        if "hits" not in self._choice.measures or CLASSIFIED not in self._parties:
            return
        if not self._clock.has(_HIT_SECONDS):
            self.sheet.notes.append("cache hits: time was up")
        else:
            self._clock.say("cache hits")
            hits = Hits(self._bench, self._parties[CLASSIFIED], self._plan, self.sheet)
            hits.prepare()
            for _ in range(self._plan.hit_rounds):
                hits.round()

    def _realistic(self) -> None:
        if "realistic" not in self._choice.measures or CLASSIFIED not in self._parties:
            return
        if not self._clock.has(realistic.SECONDS):
            self.sheet.notes.append("realistic: time was up")
            return
        self._clock.say("a classifier of 600 ms, a model of 500 ms")
        realistic.measure(self._bench, self._parties, self.sheet)

    def _starts(self) -> None:
        rounds = self._plan.starts if "starts" in self._choice.measures else 0
        for at in range(rounds):
            if not self._clock.has(_START_SECONDS):
                self.sheet.notes.append(f"cold starts: {at} rounds, then time was up")
                return
            self._clock.say(f"cold starts, round {at + 1}")
            for name, program in self._house.programs.items():
                if name in self._parties:
                    found = cold_start(program, self._parties[name])
                    self.sheet.starts.setdefault(name, []).append(found)
