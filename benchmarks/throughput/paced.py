"""Many slow streams at once: who still passes every token on in time."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.throughput.figures import Spread, added, first_p99
from benchmarks.throughput.parties import DIRECT, OURS, PROXY, RELAY, V1, Party
from benchmarks.throughput.plan import Clock, Plan
from benchmarks.throughput.sheet import Cell, Sheet
from benchmarks.throughput.slices import Bench, Slice, WrongRun

MOST_STREAMS, TIMES_THE_PROXY = 600, 4
ALLOWED_MS = 50.0
"""By how much the first token may be later than without anybody in between, at p99."""
_LOOK_AFTER_RAMP = 0.12
_QUIET_WITHIN = 12.0


class Paced:
    """Each number of streams by each party. Who left streams unfinished is spared more of them."""

    def __init__(
        self, bench: Bench, parties: Mapping[str, Party], plan: Plan, sheet: Sheet, clock: Clock
    ) -> None:
        self._bench, self._parties, self._plan = bench, parties, plan
        self._sheet, self._clock = sheet, clock
        self._overwhelmed: dict[str, int] = {}

    def measure(self) -> None:
        """What the plan asks for, and before it so many streams as the target needs."""
        self._few()
        target = wanted_of(held_by(self._sheet, PROXY))
        if target < MOST_STREAMS and target not in self._plan.streams:
            self._level(target, (DIRECT, OURS))
        self.again()

    def again(self) -> None:
        """What the plan asks for, once more, as far as there is time."""
        for streams in self._plan.streams:
            self._level(streams, (DIRECT, OURS, RELAY, V1, PROXY))

    def _few(self) -> None:
        """So few that LiteLLM Proxy holds some of it."""
        for streams in self._plan.few_streams:
            if PROXY in self._parties:
                self._level(streams, (DIRECT, PROXY))
                if not is_held(self._sheet, PROXY, streams):
                    return

    def _level(self, streams: int, names: tuple[str, ...]) -> None:
        cell = Cell("paced", self._plan.paced.name, streams)
        for name in names:
            if name not in self._parties:
                continue
            if not self._clock.has(self._plan.patience_seconds):
                self._note(f"{name}, {streams} streams: time was up")
                return
            before = self._overwhelmed.get(name)
            if before and streams >= before:
                self._note(f"{name}, {streams} streams: not tried, {before} were too many")
                continue
            self._clock.say(f"{streams} paced streams, {name}")
            measured = self._slice(self._parties[name], streams)
            self._sheet.add(cell, measured)
            if measured.result.cut or measured.result.wrong:
                self._overwhelmed[name] = streams

    def _note(self, words: str) -> None:
        if words not in self._sheet.notes:
            self._sheet.notes.append(words)

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


def added_first_p99(sheet: Sheet, party: str, streams: int) -> Spread | None:
    """Milliseconds over direct; ``None`` where it was not measured, or streams did not end well."""
    for cell, by_party in sheet.of("paced"):
        slices, direct = by_party.get(party, []), by_party.get(DIRECT, [])
        if cell.concurrency == streams and slices and direct:
            if any(one.result.wrong or one.result.cut for one in slices):
                return None
            return added(slices, direct[: len(slices)], first_p99)
    return None


def is_held(sheet: Sheet, party: str, streams: int) -> bool:
    """Whether their first tokens came in time."""
    found = added_first_p99(sheet, party, streams)
    return found is not None and found.median <= ALLOWED_MS


def held_by(sheet: Sheet, party: str) -> int:
    """The most streams that were measured and held; 0 where none were."""
    levels = (cell.concurrency for cell, _ in sheet.of("paced"))
    return max((streams for streams in levels if is_held(sheet, party, streams)), default=0)


def wanted_of(held_by_proxy: int) -> int:
    """How many streams the target asks for. Where LiteLLM Proxy held none of the numbers tried, that
    is no excuse."""
    return min(MOST_STREAMS, TIMES_THE_PROXY * held_by_proxy) if held_by_proxy else MOST_STREAMS
