"""The background worker that embeds stored answers again, over the entries of another embedder."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator

import pytest
import redis.asyncio

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.answer_cache.reindex import Reindexer
from conversations.adapters.background.reindexing import ReindexWorker
from routing.common.tasks import Background
from routing.domain.errors import EmbedderUnavailable
from tests.answer_cache.conftest import at, indexed, make_answer, make_cache, make_rules, make_turn


class Meanings:
    """An embedder whose vectors are all alike."""

    name, dimensions = "other-embedder", 8

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.error: EmbedderUnavailable | None = None

    async def embed_many(self, texts: list[str]) -> list[list[float]]:
        if self.error:
            raise self.error
        self.texts += texts
        return [list(at(1)) for _ in texts]


class World:
    """Workers of one switch."""

    def __init__(self, client: redis.asyncio.Redis, prefix: str, cache: RedisAnswerCache) -> None:
        self.client, self.prefix, self.cache, self.embedder = client, prefix, cache, Meanings()

    def worker(self) -> ReindexWorker:
        index = self.cache._index
        reindexer = Reindexer(index, self.embedder, self.cache.signature)  # type: ignore[arg-type]
        return ReindexWorker(
            self.client,
            Background(),
            reindexer,
            prefix=self.prefix,
            embedding=index.embedding,
            clock=lambda: 0.0,
        )


@pytest.fixture
async def world(
    client: redis.asyncio.Redis, prefix: str, cache: RedisAnswerCache
) -> AsyncGenerator[World, None]:
    for number in range(3):
        await cache.store(make_turn(f"Question {number}?"), make_rules(), at(1), make_answer())
    made = make_cache(client, prefix, embedder_name=Meanings.name)
    async with indexed(client, made):
        yield World(client, prefix, made)


async def test_one_worker_does_it_once(world: World) -> None:
    await world.worker().look()
    assert len(world.embedder.texts) == 3
    await world.worker().look()
    assert len(world.embedder.texts) == 3


async def test_nothing_is_done_beside_another_worker(world: World) -> None:
    claim = f"{world.prefix}:reindexed:{world.cache._index.embedding}"
    await world.client.set(claim, "0")
    await world.worker().look()
    assert not world.embedder.texts
    await world.client.delete(claim)
    await world.worker().look()
    assert len(world.embedder.texts) == 3


async def test_a_failure_leaves_the_rest_to_the_next_look(world: World) -> None:
    worker, world.embedder.error = world.worker(), EmbedderUnavailable("away")
    await worker.look()
    world.embedder.error = None
    await worker.look()
    assert len(world.embedder.texts) == 3


async def test_the_progress_is_in_redis(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    steps = Reindexer.steps

    async def watched(self: Reindexer) -> AsyncGenerator[Counter[str], None]:
        async for done in steps(self):
            yield done
            seen.append(
                await world.client.get(f"{world.prefix}:reindexed:{world.cache._index.embedding}")
            )

    monkeypatch.setattr(Reindexer, "steps", watched)
    await world.worker().look()
    assert seen[-1] == b"3"
