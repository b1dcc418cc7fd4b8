"""Ratings decide what is served again."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
import redis.asyncio
from django.db import OperationalError

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.answer_cache.index import CacheStats
from routing.domain.errors import CacheUnavailable
from tests.answer_cache.conftest import DIMENSIONS, IDS, Asked, Clock, make_cache, make_rules

QUESTION = "What is the capital of France?"


async def test_what_somebody_calls_bad_is_hidden_from_them_alone(
    asked: Asked, stand: Callable[..., None]
) -> None:
    entry = await asked.store(QUESTION, rule="faq", user=3)
    stand(IDS.shared(entry), penalty=0.5, hidden_from=(1, 12))
    assert await asked.exact(QUESTION, 1) is None
    assert await asked.similar(1.0, 1) is None
    assert await asked.exact(QUESTION, 2) == "Paris."
    assert await asked.similar(1.0, 2) == "Paris."
    stand(IDS.shared(entry))
    assert await asked.exact(QUESTION, 1) == "Paris."


async def test_bad_verdicts_raise_the_bar_for_all(asked: Asked, stand: Callable[..., None]) -> None:
    entry = await asked.store(QUESTION)
    stand(entry, penalty=0.5)
    assert await asked.similar(0.96) == "Paris."
    assert await asked.similar(0.94) is None
    assert await asked.exact(QUESTION) == "Paris."


async def test_nobody_is_given_what_is_quarantined(
    asked: Asked, stand: Callable[..., None]
) -> None:
    entry = await asked.store(QUESTION)
    stand(entry, state="quarantined")
    assert await asked.exact(QUESTION) is None
    assert await asked.similar(1.0) is None
    stand(entry, state="live")
    assert await asked.exact(QUESTION) == "Paris."
    assert await asked.similar(1.0) == "Paris."


async def test_the_next_best_is_served_instead(asked: Asked, stand: Callable[..., None]) -> None:
    bad = await asked.store(QUESTION, "Lyon.")
    await asked.store(QUESTION, "Paris.")
    stand(bad, state="quarantined")
    assert await asked.exact(QUESTION) == "Paris."
    assert await asked.similar(1.0) == "Paris."


async def test_rating_what_is_gone_does_not_bring_it_back(
    stand: Callable[..., None], client: redis.asyncio.Redis, prefix: str
) -> None:
    gone = uuid4()
    stand(gone, penalty=0.5)
    assert not await client.exists(f"{prefix}:answer:{gone}")


async def test_forgotten_answers_are_gone(asked: Asked) -> None:
    entries = [await asked.store(f"Question {number}?") for number in range(3)]
    assert await asked.forget([*entries[:2], uuid4()]) == 2
    assert await asked.exact("Question 0?") is None
    assert await asked.exact("Question 2?")
    assert await asked.forget([]) == 0


async def test_stats_count_what_there_is(asked: Asked, stand: Callable[..., None]) -> None:
    entry = await asked.store(QUESTION)
    await asked.store("Another?")
    await asked.cache.warm("How do I pay?", "By card.", [1.0] * DIMENSIONS)
    stand(entry, state="quarantined")
    assert await asked.cache.stats() == CacheStats(entries=3, curated=1, withheld=1)


class TestWithheldByTheDatabase:
    """Verdicts that Redis never heard of."""

    @pytest.fixture
    def withheld(self) -> dict[tuple[UUID, int], bool | None]:
        return {}

    @pytest.fixture
    def asked(
        self,
        cache: RedisAnswerCache,
        client: redis.asyncio.Redis,
        prefix: str,
        clock: Clock,
        withheld: dict[tuple[UUID, int], bool | None],
    ) -> Asked:
        async def ask(entry: UUID, user: int) -> bool:
            if None in withheld.values():
                raise OperationalError("gone")
            return bool(withheld.get((entry, user)))

        return Asked(make_cache(client, prefix, withheld=ask, clock=clock), make_rules())

    async def test_they_hold(
        self, asked: Asked, withheld: dict[tuple[UUID, int], bool | None]
    ) -> None:
        entry = await asked.store(QUESTION, "Lyon.")
        assert await asked.exact(QUESTION) == "Lyon."
        withheld[entry, 1] = True
        assert await asked.exact(QUESTION) is None
        assert await asked.similar(1.0) is None
        withheld[entry, 1] = False
        assert await asked.exact(QUESTION) == "Lyon."

    async def test_a_database_that_does_not_answer_serves_nothing(
        self, asked: Asked, withheld: dict[tuple[UUID, int], bool | None]
    ) -> None:
        entry = await asked.store(QUESTION)
        withheld[entry, 1] = None
        with pytest.raises(CacheUnavailable, match="gone"):
            await asked.exact(QUESTION)
