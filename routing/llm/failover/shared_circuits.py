"""Circuits that all workers share, in one Redis hash; each worker's own while Redis is away.

Two scripts decide inside Redis, by its clock: so of all workers exactly one gets the probe. A
healthy model costs one short read a call and no write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import uuid4

import redis
import redis.asyncio

from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import CircuitsUnavailable
from routing.llm.failover.circuits import (
    CircuitSettings,
    CircuitState,
    LocalCircuits,
    Outcome,
    Permit,
)

# Values are JSON: failures and when the last was (at); reopen, when an open circuit may be
# probed (0 while closed); rounds, how often it opened in a row; who probes, and until when.
_CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_ENTER = (
    """
local raw = redis.call('HGET', KEYS[1], ARGV[1])
if not raw then return {'closed', 0, 0} end
local c = cjson.decode(raw)
if c.reopen == 0 then return {'closed', c.failures, 0} end
"""
    + _CLOCK
    + """
local free = math.max(c.reopen, c.probe_until)
if now < free then return {'open', c.failures, free - now} end
c.probe, c.probe_until = ARGV[2], now + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(c))
return {'probe', c.failures, 0}
"""
)

_LEAVE = (
    """
local model, outcome, token, error = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local limit, window, pause, longest =
    tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local raw = redis.call('HGET', KEYS[1], model)
"""
    + _CLOCK
    + """
local c = raw and cjson.decode(raw) or
    {failures = 0, at = now, reopen = 0, rounds = 0, probe = '', probe_until = 0, error = ''}
local open = c.reopen > 0
local mine = token ~= '' and c.probe == token
local function reopen()
    c.reopen = now + math.min(longest, pause * 2 ^ c.rounds)
    c.rounds, c.probe, c.probe_until = c.rounds + 1, '', 0
end
if outcome == 'ok' then
    if raw and (not open or mine or token == 'forced') then redis.call('HDEL', KEYS[1], model) end
    return
elseif outcome == 'heard' then
    -- Closed on probation: the next failure opens it again.
    if not open or not (mine or token == 'forced') then return end
    c.failures, c.at, c.reopen, c.probe, c.probe_until = limit - 1, now, 0, '', 0
elseif outcome == 'released' then
    if not mine then return end
    c.probe, c.probe_until = '', 0
elseif open then
    if not mine then return end
    c.at, c.error = now, error
    reopen()
else
    if now - c.at > window then c.failures, c.rounds = 0, 0 end
    c.failures, c.at, c.error = c.failures + 1, now, error
    if c.failures >= limit then reopen() end
end
redis.call('HSET', KEYS[1], model, cjson.encode(c))
"""
)


class CircuitBoard:
    """Every model's circuit, behind the port ``Circuits``.

    ``client`` belongs to the running event loop; ``breaker`` guards its Redis.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        *,
        prefix: str,
        settings: CircuitSettings | None = None,
        token: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self._client, self._breaker = client, breaker
        self._key = board_key(prefix)
        self._settings = settings or CircuitSettings()
        self._token = token
        self._local = LocalCircuits(self._settings)
        self._enter = client.register_script(_ENTER)
        self._leave = client.register_script(_LEAVE)

    async def enter(self, model: str) -> Permit:
        """Whether to ask the model. Never raises."""
        token = self._token()
        try:
            with redis_call(self._breaker, CircuitsUnavailable):
                if not await self._client.hexists(self._key, model):
                    return Permit(model, allowed=True)
                said, failures, wait = await self._enter(
                    keys=[self._key], args=[model, token, _ms(self._settings.probe_seconds)]
                )
        except CircuitsUnavailable:
            return await self._local.enter(model)
        return Permit(
            model,
            allowed=said != b"open",
            wait=wait / 1000,
            token=token if said == b"probe" else "",
            failures=failures,
        )

    async def leave(self, permit: Permit, outcome: Outcome, error: str = "") -> None:
        """Count how the call went. Never raises."""
        self._local.learn(permit, outcome)
        if not _matters(permit, outcome):
            return
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
            return  # this process has learned it at least

    async def states(self) -> list[CircuitState]:
        """Every circuit with failures on it, by model; this process's own while Redis is away."""
        try:
            with redis_call(self._breaker, CircuitsUnavailable):
                time, board = await self._client.time(), await self._board()
        except CircuitsUnavailable:
            return self._local.states()
        return read_board(time, board)

    async def reset(self, model: str) -> None:
        """Close the model's circuit. Raises ``CircuitsUnavailable`` when only this process's is."""
        self._local.forget(model)
        with redis_call(self._breaker, CircuitsUnavailable):
            await self._client.hdel(self._key, model)

    def forget(self) -> None:
        """Forget what this process learned by itself."""
        self._local.forget()

    async def _board(self) -> Mapping[bytes, bytes]:
        board: Any = await self._client.hgetall(self._key)
        return cast("Mapping[bytes, bytes]", board)


class CircuitDesk:
    """The same circuits seen from outside the event loop: the admin's. Raises
    ``CircuitsUnavailable``."""

    def __init__(self, client: redis.Redis, *, prefix: str) -> None:
        self._client = client
        self._key = board_key(prefix)

    def states(self) -> list[CircuitState]:
        """Every circuit with failures on it, by model."""
        with redis_call(Breaker(), CircuitsUnavailable):
            time: Any = self._client.time()
            board: Any = self._client.hgetall(self._key)
            return read_board(time, board)

    def reset(self, *models: str) -> None:
        """Close these models' circuits; all when none is named."""
        with redis_call(Breaker(), CircuitsUnavailable):
            if models:
                self._client.hdel(self._key, *models)
            else:
                self._client.delete(self._key)


def board_key(prefix: str) -> str:
    """The hash that holds every circuit."""
    return f"{prefix}:circuits"


def read_board(time: tuple[int, int], board: Mapping[bytes, bytes]) -> list[CircuitState]:
    """The hash in words. ``time`` is Redis' own: seconds and microseconds."""
    now = time[0] * 1000 + time[1] // 1000
    return [_state(name.decode(), json.loads(raw), now) for name, raw in sorted(board.items())]


def _state(model: str, circuit: Mapping[str, Any], now: int) -> CircuitState:
    wait = max(0, max(circuit["reopen"], circuit["probe_until"]) - now) / 1000
    failures, error = int(circuit["failures"]), str(circuit["error"])
    if not circuit["reopen"]:
        return CircuitState(model, "closed", failures, error=error)
    state = "open" if now < circuit["reopen"] else "half_open"
    return CircuitState(model, state, failures, wait, error)  # type: ignore[arg-type]


def _matters(permit: Permit, outcome: Outcome) -> bool:
    """Whether Redis needs to hear of it: most calls go well and change nothing."""
    if outcome == "fault":
        return True
    return permit.decides or (outcome == "ok" and permit.failures > 0)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
