"""Short-term memory: a conversation's recent exchanges in Redis, its messages in the database behind.

A window in Redis is worth having only if it never misses an exchange, and Redis can't know what
it was not told: a turn answered while it was away leaves no trace there, on no worker, once the
worker is gone too. So the window carries the number of exchanges it stands for, and is believed
only while the database counts as many; counting is an index's work, reading the texts is not.
Anything else (a lost window, a stopped answer, an exchange written twice or late) shows as
another number, and the window is made anew from the database.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import orjson
import redis.asyncio
from django.db import Error as DatabaseError

from conversations.adapters.memory.windows import Exchange, exchanges, fitting
from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import MemoryUnavailable
from routing.domain.llm import ChatMessage

Load = Callable[[UUID], Awaitable[Sequence[ChatMessage]]]
Count = Callable[[UUID], Awaitable[int]]

MAX_TURNS = 10_000
"""Turns under way that one process keeps track of; one too many costs its successor a reload."""

# KEYS of all three: the window (a list of exchanges), the number of exchanges it stands for.
_READ = "return {redis.call('GET', KEYS[2]), redis.call('LRANGE', KEYS[1], 0, -1)}"
_REPLACE = """
redis.call('DEL', KEYS[1])
for at = 3, #ARGV do
  redis.call('RPUSH', KEYS[1], ARGV[at])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[1])
"""
# An exchange goes only onto the very window its turn has read; else there is no window to keep.
_APPEND = """
if redis.call('GET', KEYS[2]) ~= ARGV[2] or redis.call('RPUSHX', KEYS[1], ARGV[4]) == 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
  return
end
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[3]), -1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2] + 1, 'EX', ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a turn of this process has read: the window's number, and how many exchanges fitted."""

    total: int
    kept: int


class RedisMemory:
    """Implements the port ``Memory``.

    ``budget_tokens`` bounds what is recalled, ``ttl_seconds`` how long a window stays in Redis
    unused. ``load`` gives a conversation's answered messages from the database, oldest first (the
    recent ones will do), ``count`` the number of all its answered exchanges; both raise
    ``MemoryUnavailable`` or Django's database errors.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        *,
        prefix: str,
        budget_tokens: int,
        ttl_seconds: int,
        load: Load,
        count: Count,
    ) -> None:
        self._client = client
        self._breaker = breaker
        self._prefix = prefix
        self._budget = budget_tokens
        self._ttl = ttl_seconds
        self._load = load
        self._count = count
        self._turns: OrderedDict[UUID, _Turn] = OrderedDict()

    async def recall(self, conversation: UUID) -> tuple[ChatMessage, ...]:
        """The recent exchanges within the budget, oldest first. Raises ``MemoryUnavailable`` when
        neither Redis nor the database has them."""
        self._turns.pop(conversation, None)
        try:
            total, window = await self._read(conversation)
        except MemoryUnavailable:
            return _flat(await self._loaded(conversation))
        try:
            counted = await self._counted(conversation)
        except MemoryUnavailable:
            if window:
                return _flat(window)  # unproven, and better than nothing
            raise
        if not window or total != counted:
            window = await self._loaded(conversation)
            with suppress(MemoryUnavailable):  # nothing was lost: the next turn loads it again
                await self._replace(conversation, counted, window)
        self._begin_turn(conversation, _Turn(counted, len(window)))
        return _flat(window)

    async def remember(self, conversation: UUID, exchange: Sequence[ChatMessage]) -> None:
        """Append one exchange to the window that this turn has read.

        A turn that read none (the first one, or without Redis) starts none: the next recall makes it
        from the database. Raises ``MemoryUnavailable``.
        """
        turn, item = self._turns.pop(conversation, None), _encoded(exchange)
        if turn is None:
            return
        keys = self._keys(conversation)
        with redis_call(self._breaker, MemoryUnavailable):
            await self._client.eval(_APPEND, 2, *keys, self._ttl, turn.total, turn.kept + 1, item)

    async def forget(self, conversation: UUID) -> None:
        """Drop what Redis holds of a conversation. Raises ``MemoryUnavailable``."""
        self._turns.pop(conversation, None)
        with redis_call(self._breaker, MemoryUnavailable):
            await self._client.delete(*self._keys(conversation))

    async def _read(self, conversation: UUID) -> tuple[int, tuple[Exchange, ...]]:
        with redis_call(self._breaker, MemoryUnavailable):
            total, items = await self._client.eval(_READ, 2, *self._keys(conversation))
        return int(total or -1), fitting(_decoded(items), self._budget)

    async def _replace(self, conversation: UUID, total: int, window: Sequence[Exchange]) -> None:
        keys, items = self._keys(conversation), [_encoded(exchange) for exchange in window]
        with redis_call(self._breaker, MemoryUnavailable):
            await self._client.eval(_REPLACE, 2, *keys, self._ttl, total, *items)

    async def _loaded(self, conversation: UUID) -> tuple[Exchange, ...]:
        try:
            said = await self._load(conversation)
        except DatabaseError as exc:
            raise MemoryUnavailable(f"database: {exc}") from exc
        return fitting(exchanges(said), self._budget)

    async def _counted(self, conversation: UUID) -> int:
        try:
            return await self._count(conversation)
        except DatabaseError as exc:
            raise MemoryUnavailable(f"database: {exc}") from exc

    def _begin_turn(self, conversation: UUID, turn: _Turn) -> None:
        self._turns[conversation] = turn
        if len(self._turns) > MAX_TURNS:
            self._turns.popitem(last=False)

    def _keys(self, conversation: UUID) -> tuple[str, str]:
        return window_keys(self._prefix, conversation)


def window_keys(prefix: str, conversation: UUID) -> tuple[str, str]:
    """Where a conversation's window and its number lie."""
    window = f"{{{prefix}:memory:{conversation}}}"
    return window, f"{window}:total"


def _flat(window: Sequence[Exchange]) -> tuple[ChatMessage, ...]:
    return tuple(message for exchange in window for message in exchange)


def _encoded(exchange: Sequence[ChatMessage]) -> bytes:
    try:
        return orjson.dumps([[message.role, message.content] for message in exchange])
    except orjson.JSONEncodeError as exc:  # half a surrogate pair
        raise MemoryUnavailable(f"the exchange can't be written: {exc}") from exc


def _decoded(items: Sequence[bytes]) -> list[Exchange]:
    """The window's exchanges; none when a single one can't be read."""
    try:
        return [
            tuple(ChatMessage(role, content) for role, content in orjson.loads(item))
            for item in items
        ]
    except (ValueError, TypeError):
        return []
