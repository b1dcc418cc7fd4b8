"""Interrupt moderation: reads of providers' sockets, gathered in ticks while the event loop is behind.

``HTTPStreamClient`` has one for each event loop. As network cards do it: with little to do, each token is
read as it comes; a loop that falls behind by measured lag leaves the bytes in the kernel's buffers until the
next tick, and then reads all that came. One timer serves all streams. Nothing but waiting text is held: the
caller holds no stream before its answer began, nor after its finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import assert_never

LONGEST_TICK = 0.1
"""Seconds that a read waits at most."""
SHORTEST_TICK = 0.01
PROBE_SECONDS = 0.02
"""From one look at the lag to the next while nothing is held."""
LATE_SECONDS = 0.005
"""A timer that fires so much after its time shows a loop that falls behind."""
_GROWTH, _DECAY = 1.5, 0.9
_AT_ONCE = 16
"""Sockets that are read in one round of the event loop: other work has its turn in between."""


class TickMode(StrEnum):
    """When reads are gathered: as the loop falls behind, always in the longest ticks, never."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class ReadTicks:
    """The ticks of the running event loop.

    ``tick`` is the present length in seconds, 0 where reads are not held; ``lag`` is the last measured
    delay of a timer, in seconds. Unless forced, the lag is measured in the middle of each tick: a loop whose
    reads of one tick take longer than half of it gets longer ticks.
    """

    def __init__(self, mode: TickMode = TickMode.AUTO) -> None:
        self._loop = asyncio.get_running_loop()
        self._mode = mode
        self._held: list[asyncio.Transport] = []
        self._streams = 0
        self._timer: asyncio.TimerHandle | None = None
        self.tick, self.lag = self._resting(), 0.0

    @contextmanager
    def stream(self) -> Iterator[None]:
        """One more stream that is read, within the block. The timer runs only while there are streams."""
        self._streams += 1
        if self._timer is None:
            self._look_after(PROBE_SECONDS)
        try:
            yield
        finally:
            self._streams -= 1
            if not self._streams:
                self._rest()

    def hold(self, transport: asyncio.Transport | None) -> None:
        """Read nothing more of an open ``stream`` until the next tick; does nothing while there are none."""
        if self.tick and transport is not None:
            with suppress(RuntimeError):  # closed meanwhile
                transport.pause_reading()
                self._held.append(transport)

    def _rest(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self.tick, self.lag = None, self._resting(), 0.0
        self._read_held()

    def _resting(self) -> float:
        return LONGEST_TICK if self._mode is TickMode.ALWAYS else 0.0

    def _look_after(self, seconds: float) -> None:
        due = self._loop.time() + seconds
        self._timer = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        """Measure the lag, and set the length of the ticks from now on."""
        self.lag = max(0.0, self._loop.time() - due)
        match self._mode:
            case TickMode.AUTO:
                self.tick = next_tick(self.tick, self.lag)
            case TickMode.ALWAYS | TickMode.NEVER:
                pass
            case _:
                assert_never(self._mode)
        if self.tick:
            self._timer = self._loop.call_later(self.tick / 2, self._end_tick)
        else:
            self._read_held()
            self._look_after(PROBE_SECONDS)

    def _end_tick(self) -> None:
        self._read_held()
        self._look_after(self.tick / 2)

    def _read_held(self) -> None:
        held, self._held = self._held, []
        self._read(held)

    def _read(self, held: list[asyncio.Transport]) -> None:
        for transport in held[:_AT_ONCE]:
            with suppress(RuntimeError):
                transport.resume_reading()
        if rest := held[_AT_ONCE:]:
            self._loop.call_soon(self._read, rest)


def next_tick(tick: float, lag: float) -> float:
    """The length of the next tick, in seconds: longer after a lag, else a little shorter, down to none."""
    if lag > LATE_SECONDS:
        return min(LONGEST_TICK, max(SHORTEST_TICK, tick * _GROWTH, lag))
    shorter = tick * _DECAY
    return shorter if shorter >= SHORTEST_TICK else 0.0
