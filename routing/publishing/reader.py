"""Reader of the published rules: a pointer in Redis, a blob behind it, a local copy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import redis.asyncio
from django.db import Error as DatabaseError

from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release
from routing.domain.rules import RuleSet
from routing.publishing.codec import Blob, Keys, Pointer, Publication, number_of

Origin = Literal["redis", "local", "database"]
LoadLatest = Callable[[], Awaitable[Release | None]]

CHECK_EVERY = 30.0
"""Seconds after which a reader compares Redis with the database, which is right in doubt."""

REST = 1.0
"""Seconds between two questions to the database while Redis or the database itself is amiss."""

DATABASE_PATIENCE = 5.0
"""Seconds for the database's answer."""


@dataclass(frozen=True, slots=True)
class RulesState:
    """State for ``/readyz``: the release in force, its source, and the error, if any."""

    release: Release | None = None
    origin: Origin | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    """The local copy: the pointer it was published under, and the rules as they are handed out, by
    the names that the pointer gives them."""

    pointer: bytes
    release: Release
    rules: Mapping[str, RuleSet]


class RuleStore:
    """The published rules for the requests of one event loop; implements the port ``Rules``.

    Each call reads the pointer, a tenth of a millisecond, instead of waiting for a message on a
    channel: the very next decision uses a change whichever worker takes it, and nothing is missed
    while a subscription is down. A blob is read only when the pointer names a new one. Redis away: the
    last good copy, compared with the database once a second. Redis emptied, its blob unreadable or
    older than the database's (a publication while it was away): the database's latest release,
    written back. Callers that come at once share one load.

    ``load_latest`` gives the database's latest release, ``None`` when nothing was ever published; it
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

    async def current(self) -> Release:
        """The release in force now. Raises ``RulesUnavailable`` when it is nowhere to be had."""
        # Read on each call, a tenth of a millisecond, instead of heard from a channel: the next decision uses
        # a change whichever worker takes it, and nothing is missed while a subscription is down.
        pointer, error = await self._pointer()
        if not self._settled(pointer):
            pointer, error = await self._share_refresh(pointer, error)
        held = self._held
        if held is None:
            self._state = RulesState(error=error or "no rules were ever published")
            raise RulesUnavailable(self._state.error)
        origin: Origin = "redis" if held.pointer == pointer else self._origin
        self._state = RulesState(held.release, origin, error)
        return held.release

    async def _share_refresh(self, pointer: bytes | None, error: str) -> tuple[bytes | None, str]:
        """Refresh the copy unless another caller did while this one waited for its turn."""
        async with self._lock:
            # The caller before this one may have loaded the very copy that is missing here.
            if not self._settled(pointer):
                pointer, error = await self._pointer()
            if not self._settled(pointer):
                error = await self._refresh(pointer, error)
        return pointer, error

    def _settled(self, pointer: bytes | None) -> bool:
        """Whether the local copy will do."""
        now, held = self._clock(), self._held
        if held is None:
            return False
        if now < self._rest_until:  # after a failure; but Redis, just back, may tell of a change
            return not _is_later(pointer, held)
        return now < self._check_at and held.pointer == pointer

    async def _pointer(self) -> tuple[bytes | None, str]:
        """The pointer, and why there is none."""
        try:
            with redis_call(self._breaker, RulesUnavailable):
                pointer: bytes | None = await self._client.get(self._keys.current)  # type: ignore[assignment]
        except RulesUnavailable as exc:
            return None, str(exc)
        return pointer, ""

    async def _refresh(self, pointer: bytes | None, error: str) -> str:
        """Get the copy that is due; returns the error, or an empty text."""
        now = self._clock()
        if pointer and now < self._check_at and await self._fetch(pointer):
            return ""
        # In doubt the database is right: it is asked where Redis has no blob, or a blob that differs.
        if now >= self._rest_until:
            return await self._ask_database(pointer, error)
        if pointer:
            await self._fetch(pointer)
        return error

    async def _fetch(self, value: bytes) -> bool:
        """Take the blobs that the pointer names, unless one is missing or has another digest."""
        pointer = Pointer.read(value)
        if pointer is None:
            return False
        try:
            rules = {name: await self._rules(name) for name in pointer.versions}
        except (RulesUnavailable, ValueError):
            return False
        release = Release(
            pointer.release,
            live=rules[pointer.versions[0]],
            trial=rules[pointer.versions[1]] if len(pointer.versions) > 1 else None,
            stage=pointer.stage,
            percent=pointer.percent,
        )
        self._held, self._origin = _Held(value, release, rules), "redis"
        return True

    async def _rules(self, name: str) -> RuleSet:
        """A version's rules, held already or from Redis. Raises ``RulesUnavailable`` and, when they
        are missing or do not match the digest in their name, ``ValueError``."""
        if self._held and name in self._held.rules:
            return self._held.rules[name]
        number = number_of(name)
        with redis_call(self._breaker, RulesUnavailable):
            body: bytes | None = await self._client.get(self._keys.version(number))  # type: ignore[assignment]
        blob = Blob(number, body or b"")
        if blob.name != name:
            raise ValueError(f"version {number} is not what the pointer says")
        return blob.rules().simulated(self._simulated)

    async def _ask_database(self, pointer: bytes | None, error: str) -> str:
        """Take the database's latest release and set Redis right; without one, Redis' word."""
        latest, problem = await self._latest()
        if latest:
            made = Publication(latest)
            self._take(made)
            if not error and made.pointer != pointer:
                problem = await self._write_back(made, pointer)
        else:
            self._origin = "local"
            if pointer:
                await self._fetch(pointer)
        now, problem = self._clock(), error or problem
        self._rest_until = now + REST if problem else float("-inf")
        self._check_at = now + (REST if problem else CHECK_EVERY)
        return problem

    async def _latest(self) -> tuple[Release | None, str]:
        try:
            async with asyncio.timeout(DATABASE_PATIENCE):
                return await self._load_latest(), ""
        except (DatabaseError, RulesUnavailable, TimeoutError) as exc:
            return None, f"database: {type(exc).__name__}: {exc}"

    async def _write_back(self, made: Publication, seen: bytes | None) -> str:
        try:
            with redis_call(self._breaker, RulesUnavailable):
                await self._client.eval(*self._keys.publish(made, seen))
        except RulesUnavailable as exc:
            return str(exc)
        return ""

    def _take(self, made: Publication) -> None:
        """Hold the database's release; versions held already stay the same objects."""
        self._origin = "database"
        if self._held and self._held.pointer == made.pointer:
            return
        known = self._held.rules if self._held else {}
        release = made.release
        both = (rules for rules in (release.live, release.trial) if rules)
        rules = {
            blob.name: known.get(blob.name) or given.simulated(self._simulated)
            for blob, given in zip(made.blobs, both, strict=True)
        }
        live, *trial = rules.values()
        held = replace(release, live=live, trial=trial[0] if trial else None)
        self._held = _Held(made.pointer, held, rules)


def _is_later(pointer: bytes | None, held: _Held) -> bool:
    """Whether the pointer tells of a release after the one that is held."""
    if pointer is None or pointer == held.pointer:
        return False
    told = Pointer.read(pointer)
    return told is not None and told.release > held.release.number
