"""What the same words are found by: pointers, which nobody believes and which go with their entries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from uuid import UUID

import pytest
import redis.asyncio

from conversations.adapters.answer_cache.entries import entry_key, forget_commands
from routing.common.redis.clients import sync_client
from tests.answer_cache.conftest import IDS, Asked, Clock, at, make_rules

QUESTION = "What is the capital of France?"


async def pointers(client: redis.asyncio.Redis, prefix: str) -> list[bytes]:
    return [key async for key in client.scan_iter(f"{prefix}:words:*", count=1000)]


async def test_a_pointer_ends_with_its_entry_and_tells_no_words(
    asked: Asked, client: redis.asyncio.Redis, prefix: str
) -> None:
    entry = await asked.store(QUESTION)
    (pointer,) = await pointers(client, prefix)
    key = entry_key(prefix, entry)
    assert await client.get(pointer) == key.encode()
    assert await client.expiretime(pointer.decode()) == await client.expiretime(key)
    assert b"france" not in pointer.lower()


@pytest.mark.parametrize("rule", ["general", "faq"])
async def test_it_goes_with_its_entry(
    asked: Asked, client: redis.asyncio.Redis, prefix: str, rule: str
) -> None:
    entry = await asked.store(QUESTION, rule=rule)
    await asked.forget(IDS.both(entry))
    assert await pointers(client, prefix) == []


async def test_debts_are_paid_in_full(asked: Asked, redis_url: str, prefix: str) -> None:
    entry = await asked.store(QUESTION)
    with closing(sync_client(redis_url)) as client:
        assert [client.eval(*command) for command in forget_commands(prefix, [entry])] == [1]
        assert list(client.scan_iter(f"{prefix}:words:*", count=1000)) == []


async def test_an_older_entry_leaves_the_newer_ones_pointer(asked: Asked, clock: Clock) -> None:
    older = await asked.store(QUESTION, "Lyon.")
    clock.now += 1
    await asked.store(QUESTION, "Paris.")
    assert await asked.forget([older]) == 1
    assert await asked.exact(QUESTION) == "Paris."


async def test_behind_one_that_may_not_be_served_an_older_one_is_found(
    asked: Asked, clock: Clock, stand: Callable[..., None]
) -> None:
    await asked.store(QUESTION, "Paris.")
    clock.now += 1
    newer = await asked.store(QUESTION, "Lyon.")
    stand(newer, state="quarantined")
    assert await asked.exact(QUESTION) == "Paris."


async def test_a_pointer_to_what_is_gone_leads_on(
    asked: Asked, client: redis.asyncio.Redis, prefix: str, clock: Clock
) -> None:
    await asked.store(QUESTION, "Paris.")
    clock.now += 1
    newer = await asked.store(QUESTION, "Lyon.")
    await client.unlink(entry_key(prefix, newer))
    assert await asked.exact(QUESTION) == "Paris."


@pytest.mark.parametrize("about", ["another question", "another person"])
async def test_a_pointer_is_not_believed(
    asked: Asked, client: redis.asyncio.Redis, prefix: str, about: str
) -> None:
    await asked.store(QUESTION)
    (pointer,) = await pointers(client, prefix)
    words, user = (QUESTION, 2) if about == "another person" else ("How do I pay?", 1)
    strange = await asked.store(words, "Lyon.", user=user)
    await client.set(pointer, entry_key(prefix, strange))
    assert await asked.exact(QUESTION) == "Paris."


async def test_what_has_no_pointer_yet_is_found_by_its_meaning(
    asked: Asked, client: redis.asyncio.Redis, prefix: str
) -> None:
    entry = await asked.store(QUESTION)
    await client.unlink(*await pointers(client, prefix))
    await client.hdel(entry_key(prefix, entry), "words")
    assert await asked.exact(QUESTION) is None
    assert await asked.similar(1.0) == "Paris."


async def test_a_chosen_answer_is_read_again_before_it_is_served(
    asked: Asked, client: redis.asyncio.Redis, prefix: str, stand: Callable[..., None]
) -> None:
    entry = await asked.store(QUESTION)
    withheld: list[UUID] = []
    nearest = asked.cache._index.nearest

    async def quarantined_meanwhile(*args: object, **more: object) -> object:
        hits = await nearest(*args, **more)  # type: ignore[arg-type]
        stand(entry, state="quarantined")
        withheld.extend(hit.entry for hit in hits)
        return hits

    asked.cache._index.nearest = quarantined_meanwhile  # type: ignore[assignment]
    assert await asked.similar(1.0) is None
    assert withheld == [entry]


async def test_other_rules_leave_the_pointer_alone(asked: Asked) -> None:
    await asked.store(QUESTION, "Paris.")
    before, asked.rules = asked.rules, make_rules("Something else.")
    await asked.store(QUESTION, "Paris, France.")
    assert await asked.exact(QUESTION) == "Paris, France."
    asked.rules = before
    assert await asked.exact(QUESTION) == "Paris."


async def test_one_round_trip_is_enough(
    asked: Asked, client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked.store(QUESTION)
    await asked.cache.warm("How do I pay?", "By card.", at(1))
    await asked.exact(QUESTION)  # looks for the index, once
    calls: list[object] = []
    whole = client.execute_command

    async def counted(*args: object, **more: object) -> object:
        calls.append(args[0])
        return await whole(*args, **more)  # type: ignore[no-untyped-call] # redis-py

    monkeypatch.setattr(client, "execute_command", counted)
    for question in (QUESTION, "How do I pay?", "Nobody asked this?"):
        await asked.exact(question)
    assert calls == ["EVAL_RO"] * 3
