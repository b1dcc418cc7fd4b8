"""Circuit states for operators: read from Redis, and reset, outside the event loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import redis

from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import KIND_WORDS, CircuitsUnavailable


@dataclass(frozen=True, slots=True)
class CircuitState:
    """``wait`` is seconds until the next probe; ``error`` the kind of the last failure that counted."""

    model: str
    state: Literal["closed", "open", "half_open"]
    failures: int = 0
    wait: float = 0.0
    error: str = ""

    @property
    def why(self) -> str:
        """The last failure in words."""
        return KIND_WORDS.get(self.error, self.error)  # type: ignore[call-overload,no-any-return]


class CircuitAdmin:
    """The circuits that all workers share. Raises ``CircuitsUnavailable``."""

    def __init__(self, client: redis.Redis, *, prefix: str) -> None:
        self._client = client
        self._key = circuits_key(prefix)

    def states(self) -> list[CircuitState]:
        """Every circuit with failures on it, by model."""
        with redis_call(Breaker(), CircuitsUnavailable):
            now: Any = self._client.time()
            values: Any = self._client.hgetall(self._key)
            return read_states(now, values)

    def reset(self, *models: str) -> None:
        """Close these models' circuits; all when none is named."""
        with redis_call(Breaker(), CircuitsUnavailable):
            if models:
                self._client.hdel(self._key, *models)
            else:
                self._client.delete(self._key)


def circuits_key(prefix: str) -> str:
    """The hash of all circuits."""
    return f"{prefix}:circuits"


def read_states(time: tuple[int, int], values: Mapping[bytes, bytes]) -> list[CircuitState]:
    """The hash's values by model. ``time`` is Redis' own: seconds and microseconds."""
    now = time[0] * 1000 + time[1] // 1000
    return [_state(name.decode(), json.loads(raw), now) for name, raw in sorted(values.items())]


def _state(model: str, circuit: Mapping[str, Any], now: int) -> CircuitState:
    wait = max(0, max(circuit["reopen"], circuit["probe_until"]) - now) / 1000
    failures, error = int(circuit["failures"]), str(circuit["error"])
    if not circuit["reopen"]:
        return CircuitState(model, "closed", failures, error=error)
    state: Literal["open", "half_open"] = "open" if now < circuit["reopen"] else "half_open"
    return CircuitState(model, state, failures, wait, error)
