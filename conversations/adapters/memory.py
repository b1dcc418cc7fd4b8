"""Short-term memory: a context window of recent exchanges in Redis, in front of the database.

A window must not miss an exchange, and a turn that was answered while Redis was away leaves no trace
there. So the window carries the number of exchanges it stands for, and is used only while the database
counts as many: counting takes an index, reading the texts does not. Every other case (a lost window, a
stopped answer, an exchange written twice or late) shows as another number, and the window is made anew
from the database.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
import redis.asyncio
from django.db import Error as DatabaseError

from routing.common.redis.clients import Breaker, redis_call
from routing.common.text import first_visible
from routing.domain.errors import MemoryUnavailable
from routing.domain.llm import ChatMessage, estimated_tokens

Load = Callable[[UUID], Awaitable[Sequence[ChatMessage]]]
Count = Callable[[UUID], Awaitable[int]]

MAX_TURNS = 10_000
"""Turns under way that one process keeps track of; one too many costs its successor a reload."""

Exchange = tuple[ChatMessage, ...]
"""A prompt and its answer: remembered or forgotten together."""

OVERHEAD = 4
"""Tokens of a message beside its text: its role and its ends."""

GAP = "\n[…]\n"
_BYTES_PER_TOKEN = 4

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
    """A read of this process: the window's number, and the count of exchanges that fitted."""

    total: int
    fitting: int


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
        self._client, self._breaker, self._prefix = client, breaker, prefix
        self._budget, self._ttl = budget_tokens, ttl_seconds
        self._load, self._count = load, count
        self._turns: OrderedDict[UUID, _Turn] = OrderedDict()

    async def recall(self, conversation: UUID) -> tuple[ChatMessage, ...]:
        """The recent exchanges within the budget, oldest first. Raises ``MemoryUnavailable`` when
        neither Redis nor the database has them."""
        self._turns.pop(conversation, None)
        try:
            total, window = await self._read(conversation)
        except MemoryUnavailable:
            return _flat(await self._loaded(conversation))
        # After the window: an exchange stored between the two reads shows as another number.
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
            await self._client.eval(
                _APPEND, 2, *keys, self._ttl, turn.total, turn.fitting + 1, item
            )

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
            messages = await self._load(conversation)
        except DatabaseError as exc:
            raise MemoryUnavailable(f"database: {exc}") from exc
        return fitting(exchanges(messages), self._budget)

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
    """Keys of a conversation's window and of its number."""
    window = f"{{{prefix}:memory:{conversation}}}"
    return window, f"{window}:total"


def _flat(window: Sequence[Exchange]) -> tuple[ChatMessage, ...]:
    """The messages of all exchanges but blank ones: providers refuse a message without text."""
    return tuple(
        message
        for exchange in window
        if all(first_visible(message.content) is not None for message in exchange)
        for message in exchange
    )


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


def exchanges(messages: Iterable[ChatMessage]) -> list[Exchange]:
    """Prompts with their answers. Prompts without an answer, and the reverse, are left out."""
    pairs: list[Exchange] = []
    prompt: ChatMessage | None = None
    for message in messages:
        if message.role == "user":
            prompt = message
        elif message.role == "assistant" and prompt:
            pairs.append((prompt, message))
            prompt = None
    return pairs


def fitting(window: Sequence[Exchange], budget: int) -> tuple[Exchange, ...]:
    """The newest exchanges that fit ``budget`` tokens together, oldest first.

    The last one is always there, its longest message shortened in the middle where it must be: a
    follow-up to a long text is about that very text.
    """
    if not window:
        return ()
    newest_first = [_shortened(window[-1], budget)]
    left = budget - _cost(newest_first[0])
    for exchange in reversed(window[:-1]):
        left -= _cost(exchange)
        if left < 0:
            break
        newest_first.append(exchange)
    return tuple(reversed(newest_first))


def _cost(exchange: Exchange) -> int:
    return sum(estimated_tokens(message.content) + OVERHEAD for message in exchange)


def _shortened(exchange: Exchange, budget: int) -> Exchange:
    """The exchange within the budget: short messages stay whole, longer ones share the rest."""
    if _cost(exchange) <= budget:
        return exchange
    left = budget - OVERHEAD * len(exchange)
    contents = [message.content for message in exchange]
    shortest_first = sorted(range(len(contents)), key=lambda at: estimated_tokens(contents[at]))
    for done, at in enumerate(shortest_first):
        contents[at] = _cut(contents[at], left // (len(contents) - done))
        left -= estimated_tokens(contents[at])
    return tuple(
        replace(message, content=content)
        for message, content in zip(exchange, contents, strict=True)
    )


def _cut(text: str, budget: int) -> str:
    """At most ``budget`` tokens of a text: two thirds from its beginning, the rest from its end."""
    if estimated_tokens(text) <= budget:
        return text
    data = text.encode("utf-8", "replace")
    room = max(budget * _BYTES_PER_TOKEN - len(GAP.encode()), 0)
    tail = room // 3
    head = room - tail
    end = data[len(data) - tail :].decode("utf-8", "ignore")
    return data[:head].decode("utf-8", "ignore") + GAP + end
