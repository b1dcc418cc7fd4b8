"""Rows of entries that are gone: expired in Redis but not deleted yet, or deleted between two commands."""

from __future__ import annotations

from typing import Any

import pytest
import redis.asyncio

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.answer_cache.index import CANDIDATES, SPARE
from routing.reuse.model import NEIGHBOURS
from tests.answer_cache.conftest import Asked, Clock, at, make_rules, make_turn


class Vanishing:
    """Redis, but the first rows of every search have lost their fields, as ``loss`` says."""

    def __init__(self, client: redis.asyncio.Redis, rows: int, loss: Any) -> None:
        self._client, self._rows, self._loss = client, rows, loss
        self.searches: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def execute_command(self, *command: Any) -> Any:
        reply = await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        if command[0] == "FT.SEARCH":
            self.searches.append(command)
            for at_row in range(2, min(len(reply), 2 + 2 * self._rows), 2):
                reply[at_row] = self._loss(reply[at_row])
        return reply


LOSSES = {
    "no fields": lambda _: None,
    "an empty hash": lambda _: [],
    "the distance alone": lambda row: (
        row[row.index(b"distance") :][:2] if b"distance" in row else []
    ),
    "every field nil": lambda row: [part for name in row[::2] for part in (name, None)],
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_a_row_without_its_fields_is_no_hit(
    cache: RedisAnswerCache, client: redis.asyncio.Redis, loss: Any
) -> None:
    asked = Asked(cache, make_rules())
    for number in range(CANDIDATES + SPARE):
        await asked.store(f"question {number}", f"answer {number}")
    broken: Any = Vanishing(client, SPARE, loss)
    cache._index._index._client = broken

    visible = cache._visibility(make_turn("another question"), asked.rules)
    near = await cache._index.nearest(at(1), visible)
    around = await cache._index.around(at(1), visible.now)
    assert len(near) == len(around) == CANDIDATES == NEIGHBOURS
    assert await asked.similar(1) is not None
    same = await cache._index.same(cache._visibility(make_turn("question 1"), asked.rules))
    assert same == []
    assert len(broken.searches) == 4


async def test_all_rows_gone_is_a_miss(
    cache: RedisAnswerCache, client: redis.asyncio.Redis
) -> None:
    asked = Asked(cache, make_rules())
    await asked.store("question")
    broken: Any = Vanishing(client, 99, lambda _: None)
    cache._index._index._client = broken
    assert await asked.similar(1) is None


async def test_expiry_is_part_of_every_search(
    cache: RedisAnswerCache, client: redis.asyncio.Redis, clock: Clock
) -> None:
    asked = Asked(cache, make_rules())
    await asked.store("question")
    index = cache._index
    assert len(await index.around(at(1), clock.now)) == 1
    clock.now += 2000
    visible = cache._visibility(make_turn("question"), asked.rules)
    assert await index.around(at(1), clock.now) == []
    assert await index.nearest(at(1), visible) == []
    assert await index.same(visible) == []


@pytest.mark.parametrize("field", ["question", "scope", "expires_at", "answer"])
async def test_an_entry_that_has_lost_a_field_is_passed_over(
    cache: RedisAnswerCache, client: redis.asyncio.Redis, field: str
) -> None:
    asked = Asked(cache, make_rules())
    broken = await asked.store("question", "old")
    await asked.store("another", "new")
    await client.hdel(cache._index.key(broken), field)
    assert await asked.similar(1) == "new"
    # By words an entry is found without its question.
    assert await asked.exact("question") == ("old" if field == "question" else None)
