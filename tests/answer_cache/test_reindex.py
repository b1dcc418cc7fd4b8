"""``manage.py reindex``: the switch from one embedder to another over the same stored answers."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
import redis.asyncio
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from pytest_django import Settings

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from routing.common.redis.clients import sync_client
from routing.embeddings.local import LocalEmbedder
from tests.answer_cache.conftest import (
    IDS,
    Clock,
    at,
    indexed,
    make_answer,
    make_cache,
    make_rules,
    make_turn,
)

QUESTION, PARAPHRASE = "How do I reset my password?", "How can I reset my password?"
RULES = make_rules()


@pytest.fixture
async def switched(
    client: redis.asyncio.Redis, prefix: str, embedder: LocalEmbedder, clock: Clock
) -> AsyncIterator[RedisAnswerCache]:
    """The cache of the embedder that the command uses, over the entries of ``cache``."""
    made = make_cache(
        client,
        prefix,
        embedder_name=embedder.name,
        dimensions=embedder.dimensions,
        ids=IDS,
        clock=clock,
        embed=embedder.embed,
    )
    async with indexed(client, made):
        yield made


async def store(cache: RedisAnswerCache, question: str, content: str = "Click 'Forgot'.") -> UUID:
    return await cache.store(make_turn(question), RULES, at(1), make_answer(content))


async def reindex(**options: Any) -> str:
    out = StringIO()
    await sync_to_async(call_command)("reindex", stdout=out, **options)
    return out.getvalue().strip()


async def similar(cache: RedisAnswerCache, embedder: LocalEmbedder, prompt: str) -> str | None:
    hit = await cache.lookup_similar(make_turn(prompt), RULES, await embedder.embed(prompt))
    return hit.content if hit else None


async def test_an_answer_of_before_is_found_by_its_meaning_again(
    cache: RedisAnswerCache, switched: RedisAnswerCache, embedder: LocalEmbedder
) -> None:
    await store(cache, QUESTION)
    assert await similar(switched, embedder, PARAPHRASE) is None
    assert await reindex() == "1 embedded, 0 had a vector."
    assert await similar(switched, embedder, PARAPHRASE) == "Click 'Forgot'."


async def test_all_else_stays(
    client: redis.asyncio.Redis,
    cache: RedisAnswerCache,
    switched: RedisAnswerCache,
    embedder: LocalEmbedder,
) -> None:
    entry = await store(cache, QUESTION)
    key = cache._index.key(entry)
    await cache.sign(entry, "Click 'Forgot'.")
    await client.hset(key, mapping={"group": "g", "apart": "a b", "good": 3, "says": "00"})
    before, ends = await client.hgetall(key), await client.expiretime(key)
    await reindex()
    after = await client.hgetall(key)
    changed = {name for name, value in after.items() if before.get(name) != value}
    assert changed == {b"embedding", b"says", switched._index.vector_field.encode()}
    assert after[b"says"] == (await switched.signature("Click 'Forgot'.")).encode()
    assert await client.expiretime(key) == ends


async def test_again_does_nothing_and_an_interrupted_run_goes_on(
    client: redis.asyncio.Redis, cache: RedisAnswerCache, switched: RedisAnswerCache
) -> None:
    entries = [await store(cache, f"{QUESTION} {number}") for number in range(20)]
    assert await reindex() == "20 embedded, 0 had a vector."
    assert await reindex() == "0 embedded, 20 had a vector."
    for entry in entries[:3]:
        await client.hdel(switched._index.key(entry), switched._index.vector_field)
    assert await reindex() == "3 embedded, 17 had a vector."


async def test_a_dry_run_writes_nothing(
    cache: RedisAnswerCache, switched: RedisAnswerCache, embedder: LocalEmbedder
) -> None:
    await store(cache, QUESTION)
    assert await reindex(dry_run=True) == "1 would be embedded, 0 had a vector."
    assert await similar(switched, embedder, PARAPHRASE) is None


async def test_an_entry_that_goes_meanwhile_does_not_come_back(
    client: redis.asyncio.Redis,
    cache: RedisAnswerCache,
    switched: RedisAnswerCache,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = cache._index.key(await store(cache, QUESTION))
    embed_many = LocalEmbedder.embed_many

    async def slow(self: LocalEmbedder, texts: list[str]) -> Any:
        with sync_client(redis_url) as other:
            other.delete(key)
        return await embed_many(self, texts)

    monkeypatch.setattr(LocalEmbedder, "embed_many", slow)
    assert await reindex() == "0 embedded, 0 had a vector."
    assert not await client.exists(key)


async def test_redis_away_is_told_and_fails(redis_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        redis_settings.REDIS_URL = f"redis://127.0.0.1:{gone.getsockname()[1]}/0"
    with pytest.raises(CommandError, match="0 answers were embedded"):
        await reindex()
