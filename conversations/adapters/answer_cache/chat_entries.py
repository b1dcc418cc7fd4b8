"""Register of a person's entries and verdicts that no row of the database names, for their erasure and export:
in Redis, as long as these themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import redis
import redis.asyncio

from conversations.adapters.answer_cache.entries import entry_key
from routing.common.redis.clients import Breaker, redis_call
from routing.domain.errors import CacheUnavailable

EXPORTED = "question", "answer", "provider", "model", "rule", "created_at", "expires_at"
"""Fields of an entry that its owner is given; its ``group``, which is equal for answers that are known to say
the same, is added where it has one."""


def chat_entries_key(prefix: str, user: int) -> str:
    """The key of a sorted set: ids of entries by the time of their end."""
    return f"{prefix}:chat-entries:{user}"


async def register(
    client: redis.asyncio.Redis, prefix: str, user: int, identity: UUID, *, now: float, ends: float
) -> None:
    """Add an entry or a verdict, or both under one id, until ``ends`` (Unix seconds), and drop those that have
    ended. Raises redis-py's errors."""
    key, ends = chat_entries_key(prefix, user), int(ends) + 1
    pipe = client.pipeline(transaction=False)
    pipe.zremrangebyscore(key, 0, now)
    pipe.zadd(key, {str(identity): ends}, gt=True)
    # Its end is the latest of theirs: the first command sets one, the second moves it on.
    pipe.expireat(key, ends, nx=True)
    pipe.expireat(key, ends, gt=True)
    await pipe.execute()


def chat_entries(client: redis.Redis, prefix: str, user: int) -> list[UUID]:
    """The entries that may still be there."""
    members: Any = client.zrange(chat_entries_key(prefix, user), 0, -1)
    return [UUID(member.decode()) for member in members]


class ChatEntryReader:
    """Reads a person's own entries. Raises ``CacheUnavailable``."""

    def __init__(self, client: redis.asyncio.Redis, breaker: Breaker, *, prefix: str) -> None:
        self._client, self._breaker, self._prefix = client, breaker, prefix

    async def ids(self, user: int) -> list[str]:
        """The entries that may still be there, by their time."""
        with redis_call(self._breaker, CacheUnavailable):
            members: Any = await self._client.zrange(chat_entries_key(self._prefix, user), 0, -1)
        return [member.decode() for member in members]

    async def read(self, entries: Sequence[str]) -> list[dict[str, str]]:
        """Those of these entries that are there."""
        pipe = self._client.pipeline(transaction=False)
        for entry in entries:
            pipe.hmget(entry_key(self._prefix, entry), (*EXPORTED, "group"))
        with redis_call(self._breaker, CacheUnavailable):
            rows: Any = await pipe.execute()
        return [
            {
                "id": entry,
                **{name: value.decode() for name, value in zip(EXPORTED, row, strict=True)},
                "group": (group or b"").decode(),
            }
            for entry, (*row, group) in zip(entries, rows, strict=True)
            if None not in row
        ]
