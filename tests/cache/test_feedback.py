"""Ratings decide what is served again."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import redis.asyncio
from django.db import OperationalError

from conversations.adapters.answer_cache import CacheStats, RedisAnswerCache
from routing.breaker import Breaker
from routing.errors import CacheUnavailable
from tests.cache.conftest import DIMENSIONS, Asked, Clock, make_rules

QUESTION = "What is the capital of France?"


async def test_a_bad_answer_is_never_served_until_the_rating_is_taken_back(asked: Asked) -> None:
    entry = await asked.store(QUESTION)
    assert await asked.cache.judge(entry, good=0, bad=1)
    assert await asked.exact(QUESTION) is None
    assert await asked.similar(1.0) is None
    await asked.cache.judge(entry, good=1, bad=0)
    assert await asked.exact(QUESTION) == "Paris."
    assert await asked.similar(1.0) == "Paris."


async def test_the_next_best_is_served_instead(asked: Asked) -> None:
    bad = await asked.store(QUESTION, "Lyon.")
    await asked.store(QUESTION, "Paris.")
    await asked.cache.judge(bad, good=0, bad=1)
    assert await asked.exact(QUESTION) == "Paris."
    assert await asked.similar(1.0) == "Paris."


async def test_one_bad_rating_among_good_ones_is_enough(asked: Asked) -> None:
    entry = await asked.store(QUESTION)
    await asked.cache.judge(entry, good=5, bad=1)
    assert await asked.exact(QUESTION) is None


async def test_telling_a_verdict_twice_changes_nothing(asked: Asked) -> None:
    entry = await asked.store(QUESTION)
    for _ in range(2):
        await asked.cache.judge(entry, good=0, bad=1)
    await asked.cache.judge(entry, good=0, bad=0)
    assert await asked.exact(QUESTION) == "Paris."


async def test_rating_what_is_gone_does_not_bring_it_back(
    asked: Asked, client: redis.asyncio.Redis, prefix: str
) -> None:
    gone = uuid4()
    assert not await asked.cache.judge(gone, good=0, bad=1)
    assert not await client.exists(f"{prefix}:answer:{gone}")


async def test_forgotten_answers_are_gone(asked: Asked) -> None:
    entries = [await asked.store(f"Question {number}?") for number in range(3)]
    assert await asked.cache.forget([*entries[:2], uuid4()]) == 2
    assert await asked.exact("Question 0?") is None
    assert await asked.exact("Question 2?")
    assert await asked.cache.forget([]) == 0


async def test_stats_count_what_there_is(asked: Asked) -> None:
    entry = await asked.store(QUESTION)
    await asked.store("Another?")
    await asked.cache.warm("How do I pay?", "By card.", [1.0] * DIMENSIONS)
    await asked.cache.judge(entry, good=0, bad=1)
    assert await asked.cache.stats() == CacheStats(entries=3, curated=1, bad=1)


class TestCondemnedInTheDatabase:
    """Ratings that Redis never heard of."""

    @pytest.fixture
    def condemned(self) -> dict[UUID, bool]:
        return {}

    @pytest.fixture
    def asked(
        self,
        cache: RedisAnswerCache,
        client: redis.asyncio.Redis,
        prefix: str,
        clock: Clock,
        condemned: dict[UUID, bool],
    ) -> Asked:
        async def ask(entry: UUID) -> bool:
            if None in condemned.values():
                raise OperationalError("gone")
            return condemned.get(entry, False)

        asking = RedisAnswerCache(
            client,
            Breaker(),
            prefix=prefix,
            embedder_name="test-embedder",
            dimensions=DIMENSIONS,
            condemned=ask,
            clock=clock,
        )
        return Asked(asking, make_rules())

    async def test_they_hold(self, asked: Asked, condemned: dict[UUID, bool]) -> None:
        entry = await asked.store(QUESTION, "Lyon.")
        assert await asked.exact(QUESTION) == "Lyon."
        condemned[entry] = True
        assert await asked.exact(QUESTION) is None
        assert await asked.similar(1.0) is None
        condemned[entry] = False
        assert await asked.exact(QUESTION) == "Lyon."

    async def test_a_database_that_does_not_answer_serves_nothing(
        self, asked: Asked, condemned: dict[UUID, bool | None]
    ) -> None:
        entry = await asked.store(QUESTION)
        condemned[entry] = None
        with pytest.raises(CacheUnavailable, match="gone"):
            await asked.exact(QUESTION)
