"""The answer cache of the configured embedder, for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from django.conf import settings

from conversations.adapters.answer_cache.cache import CacheParts, RedisAnswerCache
from conversations.adapters.answer_cache.index import AnswerIndex
from conversations.management.embedder import configured_embedder
from routing.common.redis.clients import Breaker, async_client, close
from routing.embeddings.port import Embedder


@dataclass(frozen=True, slots=True)
class ConfiguredCache:
    """The cache, its index, and the embedder that both belong to."""

    cache: RedisAnswerCache
    index: AnswerIndex
    embedder: Embedder


@asynccontextmanager
async def configured_cache() -> AsyncIterator[ConfiguredCache]:
    """Nothing is sent to Redis yet."""
    client = async_client(settings.REDIS_URL)
    try:
        async with configured_embedder() as embedder:
            index = AnswerIndex(
                client,
                prefix=settings.REDIS_PREFIX,
                embedder_name=embedder.name,
                dimensions=embedder.dimensions,
            )
            cache = RedisAnswerCache(index, Breaker(), CacheParts(embed=embedder.embed))
            yield ConfiguredCache(cache, index, embedder)
    finally:
        await close(client)
