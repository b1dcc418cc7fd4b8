"""Register of a person's entries that no row of the database names, for their erasure: in Redis, as long as
the entries themselves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import redis
import redis.asyncio

from conversations.adapters.answer_cache.entries import CacheEntry


def chat_entries_key(prefix: str, user: int) -> str:
    """The key of a sorted set: ids of entries by the time of their end."""
    return f"{prefix}:chat-entries:{user}"


async def register(client: redis.asyncio.Redis, prefix: str, user: int, entry: CacheEntry) -> None:
    """Add an entry, and drop those that have ended. Raises redis-py's errors."""
    key, ends = chat_entries_key(prefix, user), int(entry.expires_at) + 1
    pipe = client.pipeline(transaction=False)
    pipe.zremrangebyscore(key, 0, entry.created_at)
    pipe.zadd(key, {str(entry.id): ends})
    # Its end is the latest of theirs: the first command sets one, the second moves it on.
    pipe.expireat(key, ends, nx=True)
    pipe.expireat(key, ends, gt=True)
    await pipe.execute()


def chat_entries(client: redis.Redis, prefix: str, user: int) -> list[UUID]:
    """The entries that may still be there."""
    members: Any = client.zrange(chat_entries_key(prefix, user), 0, -1)
    return [UUID(member.decode()) for member in members]
