"""A filled answer cache, and three ways to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import redis.asyncio
from django.conf import settings

from conversations.adapters.answer_cache.cache import CacheParts, RedisAnswerCache
from conversations.adapters.answer_cache.entries import CacheEntry, curated_id, vector_bytes
from conversations.adapters.answer_cache.index import CANDIDATES, AnswerIndex
from conversations.adapters.answer_cache.verifier import ReuseVerifier
from conversations.engine.types import Turn
from conversations.models import new_id
from routing.common.redis.clients import Breaker, async_client, close
from routing.domain.rules import RuleSet
from routing.embeddings.local import LocalEmbedder
from routing.reuse.answer_signature import answer_signature
from routing.reuse.model import ReuseModel

PREFIX = "bench"
NOISE = 0.25
"""How far a stored vector lies from that of the sentence it was made of."""
ANSWER = "Open the settings, choose what you mean and follow what is written there. " * 12
RULES = RuleSet(version=1, rules=(), models=(), default_rule="", classifiers=(), min_similarity=0.6)
BATCH = 200


@dataclass(frozen=True, slots=True)
class CacheStage:
    """The parts of one run."""

    client: redis.asyncio.Redis
    filler: redis.asyncio.Redis
    embedder: LocalEmbedder
    cache: RedisAnswerCache
    index: AnswerIndex

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator[CacheStage]:
        """On an empty Redis; everything is closed at the end."""
        client, embedder = async_client(url), LocalEmbedder(Path(settings.DATA_DIR))
        # an index this large takes its time, which nobody waits for on the hot path
        filler = redis.asyncio.Redis.from_url(url, socket_timeout=60)
        index = AnswerIndex(
            client, prefix=PREFIX, embedder_name=embedder.name, dimensions=embedder.dimensions
        )
        cache_parts = CacheParts(verifier=ReuseVerifier(ReuseModel.load()))
        cache = RedisAnswerCache(index, Breaker(), cache_parts)
        try:
            await cache.state()
            yield cls(client, filler, embedder, cache, index)
        finally:
            embedder.close()
            await close(client)
            await close(filler)

    async def fill(
        self, texts: Sequence[str], vectors: Sequence[Sequence[float]], count: int
    ) -> None:
        """So many curated answers, their questions scattered around the texts."""
        chance = np.random.default_rng(0)
        held = np.asarray(vectors, np.float64)
        for start in range(0, count, BATCH):
            chosen = chance.integers(0, len(texts), min(BATCH, count - start))
            noise = chance.normal(size=(len(chosen), held.shape[1])) * NOISE / 20
            scattered = held[chosen] + noise
            scattered /= np.linalg.norm(scattered, axis=1, keepdims=True)
            async with self.filler.pipeline(transaction=False) as pipe:
                for at, vector in zip(chosen.tolist(), scattered.tolist(), strict=True):
                    question = f"{texts[at]} ({start + at})"
                    entry = CacheEntry.curated(question, ANSWER, vector, 0.0)
                    entry = replace(entry, says=answer_signature(held[at].tolist()))
                    pipe.hset(
                        self.index.key(curated_id(question)),
                        mapping=entry.fields(self.index.vector_field, self.index.embedding),
                    )
                await pipe.execute()

    async def embed(self, text: str) -> object:
        """The embedding alone."""
        return await self.embedder.embed(text)

    async def raw(self, text: str) -> object:
        """The embedding, and the nearest entries as the query engine gives them."""
        vector = vector_bytes(await self.embedder.embed(text))
        query = f"*=>[KNN {CANDIDATES} @{self.index.vector_field} $vector AS distance]"
        return await self.client.execute_command(  # type: ignore[no-untyped-call] # redis-py
            "FT.SEARCH", self.index.name, query, "PARAMS", 2, "vector", vector, "SORTBY", "distance",
            "RETURN", 3, "answer", "question", "distance", "LIMIT", 0, CANDIDATES, "DIALECT", 2,
        )  # fmt: skip

    async def lookup(self, text: str) -> object:
        """What a question goes through: the same words, then the meaning, verified."""
        turn = Turn(1, new_id(), new_id(), new_id(), text, True, "")
        found = await self.cache.lookup_exact(turn, RULES)
        if found:
            return found
        return await self.cache.lookup_similar(turn, RULES, await self.embedder.embed(text))
