"""Circuit breakers: remember each model's failures, so that no call waits for a dead provider.

Last step of failover, called by ``candidates``, ``attempt``, the classifier and the embedder. Closed:
calls go through. Open: none do, until a while has passed. Then half-open: one call, the probe, decides.
``SharedCircuits`` are one Redis hash for all workers; ``LocalCircuits`` stand in while Redis is away.
``circuit_states`` shows them to operators.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import uuid4

import redis.asyncio

from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import CircuitsUnavailable
from routing.llm.failover.circuit_states import CircuitState, circuits_key, read_states

AttemptOutcome = Literal["ok", "heard", "fault", "released"]
"""The meaning of a call for the provider's health: answered whole, began to answer, failed by the
provider's fault, or proves nothing."""
FORCED = "forced"
"""Token of a call that is made although the circuit is open, because all are."""


@dataclass(frozen=True, slots=True)
class CircuitSettings:
    """Opens after ``failures`` in a row, each within ``window`` seconds of the last. Stays open for
    ``open_seconds``, doubled with each probe that fails, up to ``open_max``. A probe without a result
    for ``probe_seconds`` is replaced.
    """

    failures: int = 5
    window: float = 60.0
    open_seconds: float = 5.0
    open_max: float = 20.0
    probe_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether a model may be called. ``wait`` is seconds until it may be tried again.

    ``token`` is set on calls that decide about an open circuit: the probe, and a ``FORCED`` call.
    ``failures`` were counted so far.
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


class Circuits(Protocol):
    """Port: ``enter`` before each call, ``leave`` with its outcome. Neither raises."""

    async def enter(self, model: str) -> Permit:
        """Whether to make the call. Each permit that allows one is given back with ``leave``."""
        ...

    async def leave(self, permit: Permit, outcome: AttemptOutcome, error: str = "") -> None:
        """Count the call's outcome. ``heard`` may precede the last one; ``error`` is its kind."""
        ...


@dataclass(slots=True)
class LocalCircuits:
    """Circuits of this process alone. ``clock`` counts seconds."""

    settings: CircuitSettings = field(default_factory=CircuitSettings)
    clock: Callable[[], float] = time.monotonic
    _breakers: dict[str, Breaker] = field(default_factory=dict)

    async def enter(self, model: str) -> Permit:
        """As ``Circuits.enter``."""
        breaker = self._breaker(model)
        probe = not breaker.closed
        if breaker.allows():
            return Permit(model, allowed=True, token="probe" if probe else "")
        return Permit(model, allowed=False, wait=self.settings.open_seconds)

    async def leave(self, permit: Permit, outcome: AttemptOutcome, error: str = "") -> None:
        """As ``Circuits.leave``."""
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
            CircuitState(model, "open", self.settings.failures)
            for model, breaker in sorted(self._breakers.items())
            if not breaker.closed
        ]

    def _breaker(self, model: str) -> Breaker:
        if model not in self._breakers:
            limit, pause = self.settings.failures, self.settings.open_seconds
            self._breakers[model] = Breaker(limit, pause, self.clock)
        return self._breakers[model]


_ENTER, _LEAVE = (
    Path(__file__).with_name(f"circuits_{name}.lua").read_text(encoding="utf-8")
    for name in ("enter", "leave")
)


HEALTHY_SECONDS = 0.1
"""How long a model that Redis had no failure of is taken for healthy."""


class SharedCircuits:
    """Circuits that all workers share. A healthy model costs one short read each ``HEALTHY_SECONDS`` and no write; so
    much later a worker heeds a circuit that another one opened.

    ``client`` belongs to the running event loop; ``breaker`` guards its Redis. ``clock`` counts seconds.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        *,
        prefix: str,
        settings: CircuitSettings | None = None,
        token: Callable[[], str] = lambda: uuid4().hex,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._breaker = client, breaker
        self._key = circuits_key(prefix)
        self._settings = settings or CircuitSettings()
        self._token, self._clock = token, clock
        self._healthy: dict[str, float] = {}
        self._local = LocalCircuits(self._settings)
        self._enter = client.register_script(_ENTER)
        self._leave = client.register_script(_LEAVE)

    async def enter(self, model: str) -> Permit:
        """As ``Circuits.enter``."""
        now = self._clock()
        if self._healthy.get(model, now) > now:
            return Permit(model, allowed=True)
        try:
            with redis_call(self._breaker, CircuitsUnavailable):
                # A healthy model has no field: one short read, and no script.
                if not await self._client.hexists(self._key, model):
                    self._healthy[model] = now + HEALTHY_SECONDS
                    return Permit(model, allowed=True)
                token = self._token()
                state, failures, wait = await self._enter(
                    keys=[self._key], args=[model, token, _ms(self._settings.probe_seconds)]
                )
        except CircuitsUnavailable:
            return await self._local.enter(model)
        return Permit(
            model,
            allowed=state != b"open",
            wait=wait / 1000,
            token=token if state == b"probe" else "",
            failures=failures,
        )

    async def leave(self, permit: Permit, outcome: AttemptOutcome, error: str = "") -> None:
        """As ``Circuits.leave``."""
        # Counted here too, so that this process knows the state when Redis goes away.
        await self._local.leave(permit, outcome)
        if not _changes_state(permit, outcome):
            return
        self._healthy.pop(permit.model, None)
        limits = self._settings
        try:
            with redis_call(self._breaker, CircuitsUnavailable):
                await self._leave(
                    keys=[self._key],
                    args=[
                        *(permit.model, outcome, permit.token, error, limits.failures),
                        *map(_ms, (limits.window, limits.open_seconds, limits.open_max)),
                    ],
                )
        except CircuitsUnavailable:
            return  # this process has counted it at least

    async def states(self) -> list[CircuitState]:
        """Every circuit with failures on it, by model; this process's own while Redis is away."""
        try:
            with redis_call(self._breaker, CircuitsUnavailable):
                now = await self._client.time()
                values: Any = await self._client.hgetall(self._key)
        except CircuitsUnavailable:
            return self._local.states()
        return read_states(now, values)

    async def reset(self, model: str) -> None:
        """Close the model's circuit. Raises ``CircuitsUnavailable`` when only this process's is."""
        self._local.forget(model)
        with redis_call(self._breaker, CircuitsUnavailable):
            await self._client.hdel(self._key, model)

    def forget(self) -> None:
        """Close this process's own circuits."""
        self._local.forget()


def _changes_state(permit: Permit, outcome: AttemptOutcome) -> bool:
    # Whether Redis needs the outcome: most calls go well and change nothing.
    if outcome == "fault":
        return True
    return permit.decides or (outcome == "ok" and permit.failures > 0)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
