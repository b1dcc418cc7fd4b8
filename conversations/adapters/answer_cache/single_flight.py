"""Single flight: one run answers a question, runs with the same question follow its event log.

A claim in Redis names the leader's message for all workers. It is a lease of ``CLAIM_SECONDS``: a dead
worker's followers wait no longer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import UUID

import redis.asyncio

from conversations.adapters.answer_cache.cache import Withheld, is_withheld
from conversations.adapters.answer_cache.entries import own, prompt_digest, question_hash
from conversations.domain.entry_ids import EntryIds
from conversations.engine.events import Event
from conversations.engine.types import Leader, Turn
from conversations.runs.event_log import RunLog
from conversations.runs.run import is_terminal
from routing.common.redis.clients import Breaker, redis_call
from routing.common.tasks import Background
from routing.domain.errors import CacheUnavailable
from routing.domain.rules import CachePolicy, RuleSet
from routing.guard.personal import personal_data

CLAIM_SECONDS = 5.0
"""Life of a claim that is not renewed."""
POLL_SECONDS = 0.5
UNKNOWN_SECONDS = 0.05
"""Until a log that does not exist yet is read again."""

# KEYS: the claim. ARGV: the claimant, milliseconds, the leader that was lost (or nothing).
_CLAIM = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[3] and held ~= ARGV[1] then
  return held
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class RedisSingleFlight:
    """The engine's port ``SingleFlight``.

    ``withheld`` says whether the database keeps an answer from a user: a claim outlives its run where
    Redis went away, and verdicts of the meantime count. Raises ``CacheUnavailable`` where neither Redis
    nor the database answers.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        log: RunLog,
        ids: EntryIds,
        background: Background,
        *,
        prefix: str,
        system_prompt: str = "",
        withheld: Withheld,
    ) -> None:
        self._withheld, self._background = withheld, background
        self._client, self._breaker, self._log, self._ids = client, breaker, log, ids
        self._prefix, self._system = prefix, prompt_digest(system_prompt)
        self._claims: dict[UUID, tuple[str, str]] = {}

    async def claim(self, turn: Turn, rules: RuleSet) -> Leader | None:
        """The run that answers this question already; ``None`` when this turn leads from now on."""
        key, lost = await self._key(turn, rules), ""
        while leader := await self._claim(turn, key, lost=lost):
            if not await is_withheld(self._withheld, leader.message, turn.user):
                break
            lost = _claimant(leader)
        return leader

    async def take_over(self, turn: Turn, rules: RuleSet, lost: Leader) -> Leader | None:
        """Lead in the place of ``lost`` (``None``), unless another one does by now: that one."""
        return await self._claim(turn, await self._key(turn, rules), lost=_claimant(lost))

    async def follow(self, leader: Leader) -> AsyncGenerator[Event, None]:
        """The leader's events to its end, or until its claim is not renewed any more."""
        after, last_look = 0, False
        while True:
            block = round(POLL_SECONDS * 1000)
            reading = await self._log.read(leader.message, after=after, block_ms=block)
            for number, event in reading.events:
                if number != after + 1:
                    return  # a hole: Redis lost something
                after = number
                yield event
                if is_terminal(event):
                    return
            if reading.events:
                continue
            if last_look:
                return
            # The claim ends before the last events are written: read once more after it.
            last_look = not await self._leads(leader)
            if not reading.known:
                await asyncio.sleep(UNKNOWN_SECONDS)

    def entry(self, leader: Leader, *, shared: bool) -> UUID:
        """The id under which the leader's answer will be stored."""
        return self._ids.shared(leader.message) if shared else leader.message

    async def release(self, turn: Turn) -> None:
        """Give the claim up; again changes nothing."""
        # Popped before Redis is asked: a claim that cannot be deleted must at least not be renewed.
        claim = self._claims.pop(turn.message, None)
        if claim:
            with redis_call(self._breaker, CacheUnavailable):
                await self._client.eval(_RELEASE, 1, *claim)

    async def _claim(self, turn: Turn, key: str, *, lost: str) -> Leader | None:
        claimant, life = f"{turn.message}:{turn.user}", round(CLAIM_SECONDS * 1000)
        with redis_call(self._breaker, CacheUnavailable):
            holder = await self._client.eval(_CLAIM, 1, key, claimant, life, lost)
        if holder:
            message, _, user = holder.decode().partition(":")
            return Leader(UUID(message), int(user), key)
        self._claims[turn.message] = (key, claimant)
        self._background.every(
            "single-flight claims", self._renew, seconds=CLAIM_SECONDS / 4, busy=self._claims
        )
        return None

    async def _leads(self, leader: Leader) -> bool:
        with redis_call(self._breaker, CacheUnavailable):
            holder = await self._client.get(leader.claim)
        return bool(holder == _claimant(leader).encode())

    async def _renew(self) -> None:
        life = round(CLAIM_SECONDS * 1000)
        with suppress(CacheUnavailable), redis_call(self._breaker, CacheUnavailable):
            for key, claimant in list(self._claims.values()):
                await self._client.eval(_RENEW, 1, key, claimant, life)

    async def _key(self, turn: Turn, rules: RuleSet) -> str:
        """One key for all users that may share the answer. Where no rule shares, or the question has
        personal data, that is one user."""
        shares = any(rule.cache is CachePolicy.SHARED for rule in rules.rules)
        alone = not shares or bool(await asyncio.to_thread(personal_data, turn.prompt))
        parts = (
            question_hash(turn.prompt),
            rules.fingerprint,
            self._system,
            own(turn.user) if alone else "",
        )
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        return f"{self._prefix}:flight:{digest}"


def _claimant(leader: Leader) -> str:
    return f"{leader.message}:{leader.user}"
