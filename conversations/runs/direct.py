"""Direct runs: calls without a stream, whose one result is JSON; recorded as every run is.

Idempotency: the result is kept for ten minutes in Redis, and a retry gets it again, or waits for it, on any
worker (``joining`` says which requests are retries). A call goes on to its end when its client leaves: its
retry then finds it paid for once. Large results are not kept, and of one person no more than the latest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
import redis
import redis.asyncio
import structlog
from django.utils import timezone

from conversations.db.access import AWAY, written
from conversations.domain.errors import RunInterrupted, RunLogUnavailable
from conversations.domain.problems import problem_of
from conversations.engine.ports import Tracer
from conversations.engine.types import Turn
from conversations.models import Message
from conversations.runs.admission import Admission
from conversations.runs.joining import JOIN_SECONDS, RequestKey, key_reused
from conversations.runs.lifecycle import Meter, store_late, trace_record
from conversations.runs.registry import RunRegistry
from conversations.runs.run import Run
from conversations.storage import turns
from conversations.usage.estimates import WorstCase
from routing.common.redis.clients import Breaker, redis_call
from routing.common.tasks import Background
from routing.domain.errors import AssistantError

_log = structlog.get_logger("assistant.runs")

CLAIM_SECONDS, RENEW_SECONDS, POLL_SECONDS = 12, 3.0, 0.25
"""Life of the claim of a call under way, the pause between its renewals, and between two looks of a retry."""
MAX_RESULT = 1_000_000
"""Bytes of a result that is kept."""
MAX_RESULTS = 32
"""Results that are kept of one person."""

Result = dict[str, Any]
Work = Callable[[Run], Awaitable[Result]]
"""Does the call. It notes steps and attempts with the run, and sets ``run.answer`` where a rule decided."""


@dataclass(frozen=True, slots=True)
class DirectResult:
    """The result of a call. ``replayed``: another request began it."""

    value: Result
    replayed: bool = False


def results_key(prefix: str, user: int) -> str:
    """The key of a sorted set: the keys of a person's kept results, by their time."""
    return f"{prefix}:results:{user}"


def person_results(client: redis.Redis, prefix: str, user: int) -> list[bytes]:
    """All keys of a person's kept results."""
    index = results_key(prefix, user)
    kept: Any = client.zrange(index, 0, -1)
    return [index.encode(), *kept]


class DirectRuns:
    """Runs calls as tasks of the process, and lets retries join them."""

    def __init__(
        self,
        runs: RunRegistry,
        admission: Admission,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        background: Background,
        *,
        prefix: str,
        tracer: Tracer,
        meter: Meter,
    ) -> None:
        self._runs, self._client, self._breaker = runs, client, breaker
        self._admission = admission
        self._background, self._prefix = background, prefix
        self._tracer, self._meter = tracer, meter
        self._under_way: dict[str, asyncio.Task[Result]] = {}
        """By the claim's value."""
        self._claims: dict[str, str] = {}
        """The key of each claim."""

    async def result(
        self, key: RequestKey, turn: Turn, work: Work, estimate: Callable[[], WorstCase]
    ) -> DirectResult:
        """The result of ``work``, or of the same request before. Raises what the work raises, and
        ``BadRequest`` for an ``Idempotency-Key`` that came with another body, and ``LimitReached``."""
        claim = f"{turn.message}:{key.body}:"
        # Without Redis nothing can be joined, and nothing is lost but that.
        with suppress(RunLogUnavailable):
            while earlier := await self._claim(key, turn.user, claim):
                if found := await self._earlier(key, earlier):
                    return found
        self._claims[claim] = self._redis_key(key)
        try:
            reservation = await self._admission.direct(turn, estimate)
        except BaseException:
            await self._forget(claim)
            del self._claims[claim]
            raise
        task = self._runs.detach(self._own(key, claim, Run(turn, reservation), work))
        self._under_way[claim] = task
        renewing = partial(self._background.every, "claims of calls", self._renew)
        renewing(seconds=RENEW_SECONDS, busy=self._claims)
        return DirectResult(await asyncio.shield(task))

    async def _earlier(self, key: RequestKey, stored: str) -> DirectResult | None:
        """The result of the call that has the claim; ``None`` after a pause, if another worker makes it."""
        message, body, result = stored.split(":", 2)
        if body != key.body:
            raise key_reused()
        if result:
            return DirectResult(orjson.loads(result), replayed=True)
        if task := self._under_way.get(f"{message}:{body}:"):
            return DirectResult(await asyncio.shield(task), replayed=True)
        await asyncio.sleep(POLL_SECONDS)
        return None

    async def _own(self, key: RequestKey, claim: str, run: Run, work: Work) -> Result:
        self._meter.run_started()
        error: AssistantError | None = None
        try:
            result = await work(run)
            await self._keep(key, claim, result)
        except AssistantError as exc:
            error = exc
            raise
        except asyncio.CancelledError:
            error = RunInterrupted()
            raise
        except Exception:
            error = AssistantError("crashed")
            raise
        else:
            return result
        finally:
            if error:
                await self._forget(claim)
            del self._claims[claim], self._under_way[claim]
            await self._record(run, error)
            self._meter.run_ended()
            if run.reservation:
                await self._admission.reservations.settle(run.reservation, run.attempts)
            self._admission.reservations.note_booked(run.booking, run.reservation)

    async def _record(self, run: Run, error: AssistantError | None) -> None:
        """Feed statistics, trace and metrics."""
        problem = problem_of(error, request_id=run.turn.request_id) if error else None
        outcome = run.outcome(problem)
        if not error:
            outcome = replace(outcome, status=Message.Status.COMPLETE)
        finish = partial(turns.chat_finish, message=run.turn.message, outcome=outcome)
        try:
            await written(finish, started=run.turn.begun or timezone.now())
        except AWAY as exc:
            _log.warning("a call is counted later", error=f"{type(exc).__name__}: {exc}")
            self._background.start("late counts", store_late(run.turn, outcome))
        trace = trace_record(run, outcome, error)
        self._tracer.record(trace)
        self._meter.observe(trace)

    async def _claim(self, key: RequestKey, user: int, claim: str) -> str | None:
        """Claim the request; the value of another call's claim where it is a retry of that."""
        name, index, now = self._redis_key(key), results_key(self._prefix, user), timezone.now()
        pipe = self._client.pipeline(transaction=False)
        pipe.set(name, claim, ex=CLAIM_SECONDS, nx=key.joins, get=key.joins)
        pipe.zadd(index, {name: now.timestamp()})
        pipe.zremrangebyscore(index, 0, now.timestamp() - JOIN_SECONDS)
        pipe.expire(index, JOIN_SECONDS)
        pipe.zrange(index, 0, -1 - MAX_RESULTS)
        with redis_call(self._breaker, RunLogUnavailable):
            stored, *_, old = await pipe.execute()
            if old:
                await self._client.unlink(*old)
                await self._client.zrem(index, *old)
        return stored.decode() if key.joins and stored else None

    async def _keep(self, key: RequestKey, claim: str, result: Result) -> None:
        kept = claim.encode() + orjson.dumps(result)
        if len(kept) > MAX_RESULT:
            await self._forget(claim)
            return
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            # Only where the claim still is: an erasure of the person has removed it.
            await self._client.set(self._redis_key(key), kept, ex=JOIN_SECONDS, xx=True)

    async def _forget(self, claim: str) -> None:
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            await self._client.delete(self._claims[claim])

    async def _renew(self) -> None:
        pipe = self._client.pipeline(transaction=False)
        for name in self._claims.values():
            pipe.expire(name, CLAIM_SECONDS, gt=True)
        with suppress(RunLogUnavailable), redis_call(self._breaker, RunLogUnavailable):
            await pipe.execute()

    def _redis_key(self, key: RequestKey) -> str:
        return f"{self._prefix}:result:{key.name}"
