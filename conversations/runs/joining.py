"""Request coalescing by the client's own sign: a retry joins the run that its first try began.

A retry of an SDK (``x-stainless-retry-count`` above 0) or a request with an ``Idempotency-Key`` joins the
run of the same caller and the same body for ten minutes, on any worker; without either, equal requests are
separate. A run that failed or was stopped is joined by none. A run whose last listener leaves is stopped:
listeners on other workers hold leases in Redis, which its own worker looks at.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import redis
import redis.asyncio

from conversations.domain.errors import BadRequest, RunLogUnavailable
from conversations.engine.events import Failed
from conversations.engine.types import Turn
from conversations.models import new_id
from conversations.runs.admission import Admission, as_admitted
from conversations.runs.event_log import log_key
from conversations.runs.registry import RunRegistry
from conversations.runs.run import EventStream, Run, is_terminal
from routing.common.redis.clients import Breaker, redis_call
from routing.common.tasks import Background
from routing.common.translatable import Translatable
from routing.domain.errors import FieldFault

JOIN_SECONDS = 600
POLL_MS = 1_000
BEGIN_LOOKS, BEGIN_PAUSE = 20, 0.05
"""How often a joined run is looked for before it has begun, and the seconds between two looks."""
LISTENER_SECONDS, RENEW_SECONDS, WATCH_SECONDS = 30, 5.0, 0.5
"""Life of the lease of a listener on another worker, the pause between its renewals, and between two looks at
the leases of a run without listeners here."""

# KEYS: the request's name, and the person's runs, for the erasure of their logs: no row of the database names them.
# ARGV: this run, its time and body in one word; "1" to join; seconds that it is joined; the run; its time; the
# life of a log. Returns the word of an earlier run of that name.
_CLAIM = """
local earlier = ARGV[2] == '1' and redis.call('GET', KEYS[1])
if not earlier then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3]) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], 0, ARGV[5] - ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[6])
return earlier
"""

# KEYS: the request's name. ARGV: the beginning of a run's word. A later run of that name keeps it.
_FORGET = """
local word = redis.call('GET', KEYS[1]) or ''
if string.sub(word, 1, #ARGV[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request's name: equal for a request and its retries. ``joins``: it asks for the run of that name.
    ``body`` is the digest of the body, where the name is the client's own."""

    name: str
    joins: bool
    body: str


@dataclass(frozen=True, slots=True)
class JoinedRun:
    """The run that answers a request. ``replayed``: another request began it. ``lease`` is that of its
    listener, where another worker may own the run."""

    message: UUID
    begun: datetime
    key: RequestKey
    replayed: bool = False
    lease: str = ""


def request_key(asker: Sequence[str], body: bytes, *, own: str, retried: bool) -> RequestKey:
    """The key of a request. ``asker`` names the caller and the path; ``own`` is the client's
    ``Idempotency-Key``, or empty. ``retried``: the client says that it is not the first try."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    parts = (*asker, f"key {own}" if own else f"body {digest}")
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    return RequestKey(name, bool(own) or retried, digest)


def key_reused() -> BadRequest:
    """The error for an ``Idempotency-Key`` that came with another body."""
    detail = Translatable("This Idempotency-Key came with another body before.")
    return BadRequest(detail, FieldFault("Idempotency-Key", "idempotency_key_reused", detail))


def chats_key(prefix: str, user: int) -> str:
    """The key of a sorted set: the runs of a person that no conversation keeps, by their time."""
    return f"{prefix}:chats:{user}"


def person_chats(client: redis.Redis, prefix: str, user: int) -> list[UUID]:
    """These runs' messages, as far as their logs may still be there."""
    members: Any = client.zrange(chats_key(prefix, user), 0, -1)
    return [UUID(member.decode()) for member in members]


class RunJoining:
    """Begins runs that no conversation keeps, and lets retries join them."""

    def __init__(
        self,
        runs: RunRegistry,
        admission: Admission,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        background: Background,
        *,
        prefix: str,
    ) -> None:
        self._runs, self._background, self._prefix = runs, background, prefix
        self._client, self._breaker, self._admission = client, breaker, admission
        self._claim_script = client.register_script(_CLAIM)
        self._forget_script = client.register_script(_FORGET)
        self._listeners: Counter[UUID] = Counter()

    async def join(self, key: RequestKey, turn: Turn, counting: Awaitable[None]) -> JoinedRun:
        """The run that answers already, else a new one. ``counting`` counts the call: it shares the claim's round
        trip. Raises what it raises, ``BadRequest`` for an ``Idempotency-Key`` that came with another body, and
        ``LimitReached``."""
        assert turn.begun  # noqa: S101 - set by the view

        async def start() -> None:
            reservation = await self._admission.chat(turn)
            self._runs.start(as_admitted(turn, reservation), reservation)

        new = JoinedRun(turn.message, turn.begun, key)
        earlier = await self._claim_counted(new, turn.user, counting)
        return earlier or await self._started(new, start)

    async def join_begun(
        self, new: JoinedRun, user: int, start: Callable[[], Awaitable[object]]
    ) -> JoinedRun:
        """The same for a run that ``start`` begins, of a call that was counted. Raises also what ``start`` raises."""
        # Without Redis nothing can be joined, and nothing is lost but that.
        with suppress(RunLogUnavailable):
            if earlier := await self._claim(new, user):
                return earlier
        return await self._started(new, start)

    async def _claim_counted(
        self, new: JoinedRun, user: int, counting: Awaitable[None]
    ) -> JoinedRun | None:
        """``_claim``; a call that is refused claims nothing."""
        claimed, counted = await asyncio.gather(
            self._claim(new, user), counting, return_exceptions=True
        )
        if isinstance(counted, BaseException):
            if claimed is None:
                await self._forget(new)
            elif isinstance(claimed, JoinedRun) and claimed.lease:
                await self._give_up(claimed.message, claimed.lease)
            raise counted
        if isinstance(claimed, RunLogUnavailable):
            return None
        if isinstance(claimed, BaseException):
            raise claimed
        return claimed

    async def _started(self, new: JoinedRun, start: Callable[[], Awaitable[object]]) -> JoinedRun:
        try:
            await start()
        except BaseException:
            await self._forget(new)
            raise
        return new

    async def follow(self, joined: JoinedRun, events: EventStream | None = None) -> EventStream:
        """The run's events from the first on, or ``events`` of it. Closing it early stops a run without
        other listeners."""
        message = joined.message
        run = self._runs.running(message)
        events = events or (run.follow() if run else self._logged(message))
        self._listeners[message] += 1
        renewed, ended = time.monotonic(), False
        try:
            async with aclosing(events):
                async for batch in events:
                    ended = bool(batch) and is_terminal(batch[-1][1])
                    if ended and isinstance(batch[-1][1], Failed):
                        await self._forget(joined)
                    if joined.lease and time.monotonic() - renewed > RENEW_SECONDS:
                        renewed = time.monotonic()
                        await self._lease(joined)
                    yield batch
            if not ended:
                await self._forget(joined)  # its worker is gone: the next try begins anew
        finally:
            self._listeners[message] -= 1
            left = not self._listeners[message]
            if left:
                del self._listeners[message]
            if joined.lease:
                await self._give_up(message, joined.lease)
            if left and run and not run.ended:
                await self._leave(joined, run)

    async def _leave(self, joined: JoinedRun, run: Run) -> None:
        """Stop a run without listeners here, once there are none on other workers either."""
        if await self._unheard(joined):
            await self._runs.stop(joined.message)
        else:
            watching = self._watch(joined, run)
            self._background.start("answers heard elsewhere", watching, subject=joined.message)

    async def _watch(self, joined: JoinedRun, run: Run) -> None:
        while not run.ended:
            await asyncio.sleep(WATCH_SECONDS)
            if joined.message in self._listeners:
                return  # somebody came back, whose leaving is seen here
            if not run.ended and await self._unheard(joined):
                await self._runs.stop(joined.message)
                return

    async def _unheard(self, joined: JoinedRun) -> bool:
        """Whether no worker has a listener. Then no retry joins the run any more."""
        if await self._heard(joined.message):
            return False
        await self._forget(joined)
        # Again: a retry may have joined just before it was forgotten.
        return not await self._heard(joined.message)

    async def _heard(self, message: UUID) -> bool:
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            return bool(await self._client.zcount(self._leases(message), time.time(), "+inf"))
        return False

    async def _lease(self, joined: JoinedRun) -> bool:
        """Take or renew the lease of a listener; returns whether the run may still be joined."""
        pipe, leases = self._client.pipeline(transaction=False), self._leases(joined.message)
        pipe.zadd(leases, {joined.lease: time.time() + LISTENER_SECONDS})
        pipe.expire(leases, LISTENER_SECONDS)
        pipe.get(self._redis_key(joined.key))
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            word = (await pipe.execute())[-1] or b""
            return bool(word.startswith(_word_of(joined.message).encode()))
        return True

    async def _give_up(self, message: UUID, lease: str) -> None:
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            await self._client.zrem(self._leases(message), lease)

    def _leases(self, message: UUID) -> str:
        return log_key(self._prefix, message, "listeners")

    async def _claim(self, new: JoinedRun, user: int) -> JoinedRun | None:
        """Name this run, or return the run of that name."""
        key, now = new.key, new.begun.timestamp()
        value = f"{_word_of(new.message)}{now}:{key.body}"
        life = self._runs.log.life
        with redis_call(self._breaker, RunLogUnavailable):
            stored: Any = await self._claim_script(
                [self._redis_key(key), chats_key(self._prefix, user)],
                [value, int(key.joins), JOIN_SECONDS, str(new.message), now, life],
            )
        if stored is None:
            return None
        message, begun, body = stored.decode().split(":")
        if body != key.body:
            raise key_reused()
        moment = datetime.fromtimestamp(float(begun), UTC)
        found = JoinedRun(UUID(message), moment, key, replayed=True)
        if self._runs.running(found.message):
            return found
        found = replace(found, lease=new_id().hex)
        if await self._begins(found):
            return found
        # Forgotten just now: its try was refused, or its worker is about to stop it.
        await self._give_up(found.message, found.lease)
        return await self._claim(new, user)

    async def _begins(self, joined: JoinedRun) -> bool:
        """Take the lease of a listener. Whether the run may still be joined: one that has not begun is waited for,
        as its first try may still be refused."""
        for _ in range(BEGIN_LOOKS):
            if not await self._lease(joined):
                return False
            if self._runs.running(joined.message) or await self._runs.log.begun(joined.message):
                break
            await asyncio.sleep(BEGIN_PAUSE)
        return True

    async def _forget(self, joined: JoinedRun) -> None:
        """No retry joins the run any more. A run that has taken its name since keeps it."""
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            await self._forget_script([self._redis_key(joined.key)], [_word_of(joined.message)])

    async def _logged(self, message: UUID) -> EventStream:
        """The events of another worker's run, by its log; it ends early where that worker is gone."""
        after, missing = 0, 0
        while missing < 2:
            reading = await self._runs.log.read(message, after=after, block_ms=POLL_MS)
            if reading.events:
                after, missing = reading.events[-1][0], 0
                yield reading.events
                if is_terminal(reading.events[-1][1]):
                    return
                continue
            if not await self._runs.log.leased(message):
                missing += 1
                if not reading.known:
                    await asyncio.sleep(POLL_MS / 1000)
            else:
                yield ()

    def _redis_key(self, key: RequestKey) -> str:
        return f"{self._prefix}:request:{key.name}"


def _word_of(message: UUID) -> str:
    """The beginning of a run's word under a request's name."""
    return f"{message}:"
