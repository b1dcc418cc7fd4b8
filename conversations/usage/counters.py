"""Counters: atomic reservations of usage in Redis, one script for all limits of a run.

A reservation is held under a lease until it is settled by the ledger. A counter that Redis does
not have is counted from the ledger before it is used (``e`` names that count). All keys are on one server.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import orjson
import redis.asyncio
from redis.exceptions import NoScriptError, ResponseError

from conversations.db.access import in_database
from conversations.usage.sums import spent
from routing.common.redis.clients import Breaker, redis_call
from routing.common.redis.direct import Command
from routing.domain.errors import DependencyUnavailable
from routing.domain.limits import (
    BUCKETS,
    SLIDING,
    AppliedLimit,
    LimitUnit,
    window_name,
)

SEEDING_TRIES = 5
COUNT_ANEW = -1
"""In place of a used amount: the counter must be counted from the ledger."""
LIFE = 40 * 24 * 3600
"""Seconds that a counter of a month, or of all time, lives without use."""
CLAIM_SECONDS = 30.0
"""How long one worker has for the runs of a dead one before another takes them."""

_SCRIPTS = Path(__file__).parent / "scripts"


class LimitsUnavailable(DependencyUnavailable):
    """Redis does not count usage now."""

    part = "limits"


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount that a run takes from a limit: at most before it, as measured after it."""

    limit: AppliedLimit
    amount: int


class _Script:
    """A script. ``loaded``: Redis has it, as far as this process knows, and its name is enough."""

    def __init__(self, name: str) -> None:
        self._text = (_SCRIPTS / f"{name}.lua").read_text(encoding="utf-8")
        self._sha = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()
        self.loaded = False

    def call(self, keys: Sequence[str], args: Sequence[Any]) -> Command:
        """The command that runs it."""
        if self.loaded:
            return "EVALSHA", self._sha, len(keys), *keys, *args
        return "EVAL", self._text, len(keys), *keys, *args


class Slot(NamedTuple):
    """The place of one run in the counter of a limit: the counter's key, its kind, and the bucket."""

    key: str
    kind: str
    bucket: str


class _Moment(NamedTuple):
    """The window's name, the counter's kind and the bucket, of a second."""

    window: str
    kind: str
    bucket: str


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit without room. ``free`` is the rest of it; ``wait`` seconds until there is room, 0 where
    that is not known."""

    limit: AppliedLimit
    free: int
    wait: float


class UsageCounters:
    """Every method raises ``LimitsUnavailable``."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        *,
        prefix: str,
        zone: ZoneInfo,
    ) -> None:
        self._client, self._breaker, self._zone = client, breaker, zone
        self._root, self._prefix = prefix, f"{prefix}:usage"
        self._leases = f"{self._prefix}:leases"
        self._second, self._moments = 0, dict[str, _Moment]()
        self._reserve_script, self._settle_script, self._seed_script = self._scripts = (
            _Script("reserve"),
            _Script("settle"),
            _Script("seed"),
        )

    def slots(self, charges: Sequence[Charge], at: datetime) -> list[Slot]:
        """The places of a run that is admitted at that time."""
        second = int(at.timestamp())
        if second != self._second:
            self._second, self._moments = second, {}
        return [self._slot(charge.limit, second) for charge in charges]

    async def reserve(
        self,
        run: UUID,
        charges: Sequence[Charge],
        slots: Sequence[Slot],
        at: datetime,
        facts: Mapping[str, Any],
        *,
        lease: float,
        force: bool = False,
    ) -> list[int] | list[Exceeded]:
        """Reserve all, and return the rest of each; or reserve nothing, and return the limits without
        room. ``force``: without a check, after Redis lost a reservation."""
        keys = self._keys(run, slots)
        args: list[Any] = [repr(time.time() + lease), str(run), orjson.dumps(facts), int(force)]
        # One argument a limit: redis-py looks at each.
        args += map(_terms, charges, slots)
        for _ in range(SEEDING_TRIES):
            with redis_call(self._breaker, LimitsUnavailable):
                word, *told = await self._run(self._reserve_script, keys, args)
            if word == b"ok":
                return list(map(int, told))
            if word == b"held":
                return []
            if word == b"over":
                return [
                    self._exceeded(charges[int(told[i]) - 1].limit, *map(int, told[i + 1 : i + 3]))
                    for i in range(0, len(told), 3)
                ]
            for place, generation in zip(told[::2], told[1::2], strict=True):
                each = int(place) - 1
                await self._seed(charges[each].limit, slots[each], at, generation)
        raise LimitsUnavailable("the counters change too fast")

    async def settle(
        self, run: UUID, slots: Sequence[Slot], measured: Sequence[int]
    ) -> Sequence[int]:
        """Put the measured amounts in the place of the reservation. Returns the used amount of each
        limit, ``COUNT_ANEW`` where that is not known."""
        args = _settled(run, slots, measured)
        with redis_call(self._breaker, LimitsUnavailable):
            return list(await self._run(self._settle_script, self._keys(run, slots), args))

    def settlement(self, run: UUID, slots: Sequence[Slot], measured: Sequence[int]) -> Command:
        """The command of ``settle``, for another one's round trip. ``replied`` is to be told of its reply."""
        return self._settle_script.call(self._keys(run, slots), _settled(run, slots, measured))

    def replied(self, reply: object) -> None:
        """Of the command of ``settlement``: Redis has the script now, or lost all of them when it was started anew."""
        if isinstance(reply, NoScriptError):
            self._forget_scripts()
        elif not isinstance(reply, Exception):
            self._settle_script.loaded = True

    async def renew(self, runs: Sequence[UUID], *, lease: float) -> list[UUID]:
        """Renew leases; returns the runs without a reservation in Redis."""
        pipe, until = self._client.pipeline(transaction=False), time.time() + lease
        for run in runs:
            pipe.exists(self._reservation(run))
        with redis_call(self._breaker, LimitsUnavailable):
            there = await pipe.execute()
            held = {str(run): until for run, known in zip(runs, there, strict=True) if known}
            if held:
                await self._client.zadd(self._leases, held, xx=True)
        return [run for run, known in zip(runs, there, strict=True) if not known]

    async def lost(self) -> list[UUID]:
        """Runs with a lease that has run out. Each is returned to one worker at a time, and again later
        until it is settled."""
        now, found = time.time(), []
        with redis_call(self._breaker, LimitsUnavailable):
            due: Any = await self._client.zrangebyscore(self._leases, "-inf", now, start=0, num=20)
            for member in due:
                # Only the first of several workers moves it on.
                moved = await self._client.zadd(
                    self._leases, {member: now + CLAIM_SECONDS}, gt=True, ch=True
                )
                if moved:
                    found.append(UUID(member.decode()))
        return found

    async def noted(self, run: UUID) -> tuple[Mapping[str, Any], Sequence[Slot]]:
        """The facts and the places that were noted with the reservation of one of them."""
        with redis_call(self._breaker, LimitsUnavailable):
            noted: Any = await self._note(self._reservation(run))
        facts, *lines = (noted or b"{}").decode().split("\n")
        places = (line.split(" ") for line in lines)
        return orjson.loads(facts), [Slot(key, kind, at) for key, kind, _, at, *_ in places]

    async def _note(self, key: str) -> bytes | None:
        try:
            found: Any = await self._client.get(key)
        except ResponseError:  # a hash: reserved by the version before this one
            fields: Any = await self._client.hgetall(key)
            facts = fields.pop(b"facts", b"{}")
            lines = sorted(fields.items(), key=lambda item: int(item[0][1:]))
            found = b"\n".join([facts, *(line for _, line in lines)])
        return cast("bytes | None", found)

    async def state(self, limit: AppliedLimit, at: datetime) -> tuple[int, int] | None:
        """The used and the held amount of a limit; ``None`` where it is to be counted from the ledger."""
        key = self._counter(limit, at)
        with redis_call(self._breaker, LimitsUnavailable):
            seed, used, held = await self._client.hmget(key, ["e", "u", "h"])
        concurrent = limit.terms.unit is LimitUnit.CONCURRENT
        return (int(used or 0), int(held or 0)) if seed or concurrent else None

    async def forget(self, limit: AppliedLimit, at: datetime) -> None:
        """Have a counter counted anew from the ledger at its next use."""
        key = self._counter(limit, at)
        with redis_call(self._breaker, LimitsUnavailable):
            await self._client.hdel(key, "e")
            await self._client.hincrby(key, "g", 1)

    async def _seed(self, limit: AppliedLimit, slot: Slot, at: datetime, generation: bytes) -> None:
        parts = await in_database(spent, limit, at, self._zone)
        pairs = [number for part in parts.items() for number in part] if limit.terms.slides else []
        args: list[Any] = [generation, uuid4().hex[:12], _life(limit), sum(parts.values()), *pairs]
        with redis_call(self._breaker, LimitsUnavailable):
            await self._run(self._seed_script, [slot.key], args)

    def _exceeded(self, limit: AppliedLimit, free: int, buckets: int) -> Exceeded:
        seconds = SLIDING[limit.terms.window] / BUCKETS if limit.terms.slides else 0
        return Exceeded(limit, max(0, free), buckets * seconds)

    def _reservation(self, run: UUID) -> str:
        return f"{self._prefix}:run:{run}"

    def _counter(self, limit: AppliedLimit, at: datetime) -> str:
        return counter_key(self._root, limit, window_name(limit.terms, at, self._zone))

    def _keys(self, run: UUID, slots: Sequence[Slot]) -> list[str]:
        return [self._leases, self._reservation(run), *[slot.key for slot in slots]]

    async def _run(self, script: _Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        # redis-py's own class for scripts takes a tenth of the CPU of such a call.
        send: Any = self._client.execute_command
        if not script.loaded:
            self._forget_scripts()  # Redis may have lost the others since they were loaded
        try:
            reply = await send(*script.call(keys, args))
        except NoScriptError:
            self._forget_scripts()
            reply = await send(*script.call(keys, args))
        script.loaded = True
        return reply

    def _forget_scripts(self) -> None:
        for script in self._scripts:
            script.loaded = False

    def _slot(self, limit: AppliedLimit, second: int) -> Slot:
        # Limits of one unit and window share all but the name, and no part of a window is shorter than a second.
        if (moment := self._moments.get(limit.timing)) is None:
            moment = self._moments[limit.timing] = _moment(limit, second, self._zone)
        window, kind, bucket = moment
        return Slot(counter_key(self._root, limit, window), kind, bucket)


def counter_key(prefix: str, limit: AppliedLimit, window: str) -> str:
    """The key of a limit's counter in the window of that name (``window_name``)."""
    return f"{prefix}:usage:{limit.name}:{window}"


def _settled(run: UUID, slots: Sequence[Slot], measured: Sequence[int]) -> list[str]:
    amounts = zip(slots, measured, strict=True)
    return [str(run), *(f"{slot.kind} {amount} {slot.bucket}" for slot, amount in amounts)]


def _terms(charge: Charge, slot: Slot) -> str:
    limit = charge.limit
    amounts = f"{limit.terms.amount} {charge.amount}"
    return f"{slot.kind} {amounts} {slot.bucket} {BUCKETS} {_life(limit)}"


def _moment(limit: AppliedLimit, second: int, zone: ZoneInfo) -> _Moment:
    terms, at = limit.terms, datetime.fromtimestamp(second, UTC)
    calendar = "n" if terms.unit is LimitUnit.CONCURRENT else "c"
    kind = "s" if terms.slides else calendar
    return _Moment(window_name(terms, at, zone), kind, str(limit.bucket(at)))


def _life(limit: AppliedLimit) -> int:
    return 2 * SLIDING[limit.terms.window] if limit.terms.slides else LIFE
