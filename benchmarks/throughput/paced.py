"""Many slow streams at once: who still passes every token on in time."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.throughput.figures import percentile
from benchmarks.throughput.parties import DIRECT, OURS, PROXY, RELAY, V1, Party
from benchmarks.throughput.plan import Clock, Plan
from benchmarks.throughput.sheet import Cell, Sheet
from benchmarks.throughput.slices import Bench, Slice, WrongRun

ALLOWED_MS = 50.0
"""By how much the first token may be later than without anybody in between, at p99."""
_LOOK_AFTER_RAMP = 0.12
_QUIET_WITHIN = 12.0
_TIMES_THE_PROXY = 4


class Paced:
    """Each number of streams by each party. Who left streams unfinished is spared more of them."""

    def __init__(
        self, bench: Bench, parties: Mapping[str, Party], plan: Plan, sheet: Sheet, clock: Clock
    ) -> None:
        self._bench, self._parties, self._plan = bench, parties, plan
        self._sheet, self._clock = sheet, clock
        self._overwhelmed: dict[str, int] = {}

    def measure(self) -> None:
        """What the plan asks for, the target's own number of streams among it."""
        self._few()
        held = held_by(self._sheet, PROXY)
        levels = set(self._plan.streams)
        if PROXY in self._parties and held:
            target = min(600, held * _TIMES_THE_PROXY)
            if target < min(levels):
                self._level(target, (DIRECT, OURS))
        for streams in sorted(levels):
            self._level(streams, (DIRECT, RELAY, OURS, V1, PROXY))

    def _few(self) -> None:
        """So few that LiteLLM Proxy holds some of it."""
        for streams in self._plan.few_streams:
            if PROXY in self._parties and self._level(streams, (DIRECT, PROXY)):
                added = added_first_p99(self._sheet, PROXY, streams)
                if added is None or added > ALLOWED_MS:
                    return

    def _level(self, streams: int, names: tuple[str, ...]) -> bool:
        cell = Cell("paced", self._plan.paced.name, streams)
        for name in names:
            if name not in self._parties:
                continue
            if not self._clock.has(self._plan.patience_seconds):
                self._sheet.notes.append(f"{name}, {streams} streams: not measured, time was up")
                return False
            if before := self._overwhelmed.get(name):
                self._sheet.notes.append(
                    f"{name}, {streams} streams: not tried, {before} were too many"
                )
                continue
            self._clock.say(f"{streams} paced streams, {name}")
            measured = self._slice(self._parties[name], streams)
            self._sheet.add(cell, measured)
            if measured.result.cut or measured.result.wrong:
                self._overwhelmed[name] = streams
        return True

    def _slice(self, party: Party, streams: int) -> Slice:
        measured = self._bench.attempt(
            party,
            look_after=self._plan.ramp_seconds + _LOOK_AFTER_RAMP,
            quiet_within=_QUIET_WITHIN,
            workload=self._plan.paced,
            concurrency=streams,
            requests=streams,
            seconds=self._plan.ramp_seconds,
            patience=self._plan.patience_seconds,
        )
        if party.name == DIRECT and (measured.result.cut or measured.result.wrong):
            raise WrongRun(f"the provider does not hold {streams} streams itself")
        return measured


def added_first_p99(sheet: Sheet, party: str, streams: int) -> float | None:
    """Milliseconds over direct; ``None`` where it was not measured, or streams did not end well."""
    for cell, by_party in sheet.of("paced"):
        if cell.concurrency == streams and party in by_party:
            measured = by_party[party][-1].result
            if measured.wrong or measured.cut:
                return None
            direct = by_party[DIRECT][-1].result
            return percentile(measured.first, 99) - percentile(direct.first, 99)
    return None


def held_by(sheet: Sheet, party: str) -> int:
    """The most streams that were measured and held; 0 where none were."""
    held = 0
    for cell, _ in sheet.of("paced"):
        added = added_first_p99(sheet, party, cell.concurrency)
        if added is not None and added <= ALLOWED_MS:
            held = cell.concurrency
    return held
