"""The published rules, where they are read: a pointer in Redis, a blob behind it, a copy at hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Literal

import redis.asyncio
from django.db import Error as DatabaseError

from routing.breaker import Breaker
from routing.domain import RuleSet
from routing.errors import RulesUnavailable
from routing.published import Blob, Keys, pointed_version
from routing.redis_clients import redis_call

Origin = Literal["redis", "local", "database"]
LoadLatest = Callable[[], Awaitable[RuleSet | None]]

CHECK_EVERY = 30.0
"""Seconds after which a reader compares Redis with the database, which is right in doubt."""

REST = 1.0
"""Seconds between two questions to the database while Redis or the database itself is amiss."""

DATABASE_PATIENCE = 5.0
"""Seconds for the database's answer."""


@dataclass(frozen=True, slots=True)
class RulesState:
    """For ``/readyz``: the version in force, who vouches for it, and what is wrong, if anything."""

    version: int | None = None
    origin: Origin | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    """The local copy: the pointer it was published under, and the rules as they are handed out."""

    pointer: bytes
    rules: RuleSet


class RuleStore:
    """The published rule set for the requests of one event loop; implements the port ``Rules``.

    Each call reads the pointer, a tenth of a millisecond, instead of waiting for a message on a
    channel: the very next decision uses a change whichever worker takes it, and nothing is missed
    while a subscription is down. The blob is read only when the pointer changed. Redis away: the
    last good copy, compared with the database once a second. Redis emptied, its blob unreadable or
    older than the database's (a publication while it was away): the database's latest version,
    written back. Callers that come at once share one load.

    ``load_latest`` gives the database's latest version, ``None`` when nothing was ever published; it
    raises ``RulesUnavailable`` or Django's database errors. ``simulated_providers`` are those whose
    models get the simulated prefix. ``clock`` counts seconds.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        *,
        prefix: str,
        load_latest: LoadLatest,
        simulated_providers: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._breaker = breaker
        self._keys = Keys(prefix)
        self._load_latest = load_latest
        self._simulated = frozenset(simulated_providers)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._held: _Held | None = None
        self._origin: Origin = "local"
        self._check_at = self._rest_until = float("-inf")
        self._state = RulesState()

    def state(self) -> RulesState:
        """How the last ``current`` went."""
        return self._state

    async def current(self) -> RuleSet:
        """The version in force now. Raises ``RulesUnavailable`` when it is nowhere to be had."""
        pointer, error = await self._pointer()
        if not self._settled(pointer):
            pointer, error = await self._share_refresh(pointer, error)
        held = self._held
        if held is None:
            self._state = RulesState(error=error or "no rules were ever published")
            raise RulesUnavailable(self._state.error)
        origin: Origin = "redis" if held.pointer == pointer else self._origin
        self._state = RulesState(held.rules.version, origin, error)
        return held.rules

    async def _share_refresh(self, pointer: bytes | None, error: str) -> tuple[bytes | None, str]:
        """Refresh the copy unless somebody did while this caller waited for its turn."""
        async with self._lock:
            if not self._settled(pointer):
                pointer, error = await self._pointer()
            if not self._settled(pointer):
                error = await self._refresh(pointer, error)
        return pointer, error

    def _settled(self, pointer: bytes | None) -> bool:
        """Whether the local copy will do."""
        now = self._clock()
        if self._held is None or now < self._rest_until:
            return self._held is not None
        return now < self._check_at and self._held.pointer == pointer

    async def _pointer(self) -> tuple[bytes | None, str]:
        """The pointer, and why there is none."""
        try:
            with redis_call(self._breaker, RulesUnavailable):
                pointer: bytes | None = await self._client.get(self._keys.current)  # type: ignore[assignment]
        except RulesUnavailable as exc:
            return None, str(exc)
        return pointer, ""

    async def _refresh(self, pointer: bytes | None, error: str) -> str:
        """Get the copy that is due; returns what is wrong."""
        now = self._clock()
        if pointer and now < self._check_at and await self._fetch(pointer):
            return ""
        if now >= self._rest_until:
            return await self._ask_database(pointer, error)
        if pointer:
            await self._fetch(pointer)
        return error

    async def _fetch(self, pointer: bytes) -> bool:
        """Take the blob that the pointer names, unless it is missing or not what the pointer says."""
        number = pointed_version(pointer)
        if number is None:
            return False
        try:
            with redis_call(self._breaker, RulesUnavailable):
                body: bytes | None = await self._client.get(self._keys.version(number))  # type: ignore[assignment]
        except RulesUnavailable:
            return False
        blob = Blob(number, body or b"")
        return blob.pointer == pointer and self._take(blob, "redis")

    async def _ask_database(self, pointer: bytes | None, error: str) -> str:
        """Take the database's latest version and set Redis right; without one, Redis' word."""
        latest, problem = await self._latest()
        if latest:
            blob = Blob.of(latest)
            self._take(blob, "database")
            if not error and blob.pointer != pointer:
                problem = await self._write_back(blob, pointer)
        else:
            self._origin = "local"
            if pointer:
                await self._fetch(pointer)
        now, problem = self._clock(), error or problem
        self._rest_until = now + REST if problem else float("-inf")
        self._check_at = now + (REST if problem else CHECK_EVERY)
        return problem

    async def _latest(self) -> tuple[RuleSet | None, str]:
        try:
            async with asyncio.timeout(DATABASE_PATIENCE):
                return await self._load_latest(), ""
        except (DatabaseError, RulesUnavailable, TimeoutError) as exc:
            return None, f"database: {type(exc).__name__}: {exc}"

    async def _write_back(self, blob: Blob, seen: bytes | None) -> str:
        try:
            with redis_call(self._breaker, RulesUnavailable):
                await self._client.eval(*self._keys.publish(blob, seen))
        except RulesUnavailable as exc:
            return str(exc)
        return ""

    def _take(self, blob: Blob, origin: Origin) -> bool:
        """Hold the blob's rules, unless they can't be read."""
        try:
            rules = blob.rules()
        except ValueError:
            return False
        if self._held is None or self._held.pointer != blob.pointer:
            self._held = _Held(blob.pointer, rules.simulated(self._simulated))
        self._origin = origin
        return True
