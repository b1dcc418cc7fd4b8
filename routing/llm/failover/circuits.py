"""Circuits: what is remembered of each model's failures, so that nobody waits for a dead one.

Closed: calls go through. Open: none do, until a while has passed. Then half-open: one call, the
probe, finds out. This module is the port and its one-process form; ``circuit_board`` shares it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from routing.common.redis.clients import Breaker

Outcome = Literal["ok", "heard", "fault", "released"]
"""How a call went, as far as it tells of the provider's health: answered whole, began to answer,
failed by the provider's fault, or taught nothing."""


@dataclass(frozen=True, slots=True)
class CircuitSettings:
    """Opens after ``failures`` in a row, each within ``window`` seconds of the last. Stays open for
    ``open_seconds``, doubled with each probe that fails, up to ``open_max``. A probe that is not
    heard of for ``probe_seconds`` is replaced.
    """

    failures: int = 5
    window: float = 60.0
    open_seconds: float = 5.0
    open_max: float = 20.0
    probe_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Permit:
    """The answer to "may I ask this model?". ``wait`` is seconds until it may be tried again.

    ``token`` is set on calls whose outcome decides about an open circuit: the probe, and a call
    made because no circuit was closed (``FORCED``). ``failures`` were counted so far.
    """

    model: str
    allowed: bool
    wait: float = 0.0
    token: str = ""
    failures: int = 0

    @property
    def decides(self) -> bool:
        """Whether the call's outcome may close an open circuit."""
        return bool(self.token)


FORCED = "forced"


@dataclass(frozen=True, slots=True)
class CircuitState:
    """A model's circuit as operators see it. ``wait`` is seconds until the next probe; ``error`` the
    code of the last failure that counted."""

    model: str
    state: Literal["closed", "open", "half_open"]
    failures: int = 0
    wait: float = 0.0
    error: str = ""


class Circuits(Protocol):
    """Ask ``enter`` before each call and tell ``leave`` how it went. Neither raises."""

    async def enter(self, model: str) -> Permit:
        """Whether to make the call. Each permit that allows one is given back with ``leave``."""
        ...

    async def leave(self, permit: Permit, outcome: Outcome, error: str = "") -> None:
        """How the call went. ``heard`` may come before the last word on it; ``error`` is the code."""
        ...


class LocalCircuits:
    """Circuits of this process alone."""

    def __init__(
        self,
        settings: CircuitSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings or CircuitSettings()
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}

    async def enter(self, model: str) -> Permit:
        """As ``Circuits.enter``."""
        breaker = self._breaker(model)
        probe = not breaker.closed
        if breaker.allows():
            return Permit(model, allowed=True, token="probe" if probe else "")
        return Permit(model, allowed=False, wait=self._settings.open_seconds)

    async def leave(self, permit: Permit, outcome: Outcome, error: str = "") -> None:
        """As ``Circuits.leave``."""
        self.learn(permit, outcome)

    def learn(self, permit: Permit, outcome: Outcome) -> None:
        """Count the outcome."""
        breaker = self._breaker(permit.model)
        if outcome == "fault":
            breaker.failed()
        elif outcome in {"ok", "heard"} and (breaker.closed or permit.decides):
            breaker.succeeded()
        elif outcome == "released" and permit.decides:
            breaker.released()

    def forget(self, model: str | None = None) -> None:
        """Close one circuit, or all."""
        if model is None:
            self._breakers.clear()
        else:
            self._breakers.pop(model, None)

    def states(self) -> list[CircuitState]:
        """Every circuit that is not closed."""
        return [
            CircuitState(model, "open", self._settings.failures)
            for model, breaker in sorted(self._breakers.items())
            if not breaker.closed
        ]

    def _breaker(self, model: str) -> Breaker:
        known = self._breakers.get(model)
        if known is None:
            limit, pause = self._settings.failures, self._settings.open_seconds
            known = self._breakers[model] = Breaker(limit, pause, self._clock)
        return known
