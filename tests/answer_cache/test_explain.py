"""What a prompt would hit, and why: told as the lookup decides, on a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from uuid import UUID

import pytest
import redis.asyncio

from conversations.adapters.answer_cache.explain import ExplainedEntry, explain
from conversations.adapters.answer_cache.verifier import ReuseVerifier
from routing.reuse.model import ReuseModel
from tests.answer_cache.conftest import (
    IDS,
    Asked,
    Clock,
    at,
    indexed,
    make_answer,
    make_cache,
    make_rules,
    make_turn,
)

ENABLE = "How do I enable 2FA?"


@pytest.fixture
def withheld() -> set[tuple[UUID, int]]:
    return set()


@pytest.fixture
async def asked(
    client: redis.asyncio.Redis, prefix: str, clock: Clock, withheld: set[tuple[UUID, int]]
) -> AsyncIterator[Asked]:
    async def ask(entry: UUID, user: int) -> bool:
        return (entry, user) in withheld

    verifier = ReuseVerifier(ReuseModel.load())
    cache = make_cache(client, prefix, ids=IDS, clock=clock, withheld=ask, verifier=verifier)
    async with indexed(client, cache):
        yield Asked(cache, make_rules(min_similarity=0.6))


async def looked(asked: Asked, prompt: str, near: float, user: int = 1) -> list[ExplainedEntry]:
    """What is told of each candidate; the first, if any, is what would really be served."""
    turn = make_turn(prompt, user)
    told = explain(await asked.cache.report(turn, asked.rules, at(near)))
    hit = await asked.cache.lookup_exact(turn, asked.rules)
    hit = hit or await asked.cache.lookup_similar(turn, asked.rules, at(near))
    served = [one.hit.entry for one in told if one.fate == "served"]
    assert served == ([hit.facts.entry] if hit else [])
    return told


def words(told: list[ExplainedEntry]) -> list[tuple[str, bool]]:
    return [(one.fate, one.exact) for one in told]


@pytest.mark.parametrize(
    ("prompt", "near", "fate", "exact"),
    [
        ("how do I enable 2fa", 1.0, "served", True),
        ("How can I enable 2FA?", 0.97, "served", False),
        ("How do I disable 2FA?", 0.999, "veto", False),
        ("How can I enable 2FA?", 0.5, "far", False),
        ("What do whales eat in winter?", 0.61, "unlikely", False),
    ],
)
async def test_the_fate_is_what_the_lookup_decides(
    asked: Asked, prompt: str, near: float, fate: str, exact: bool
) -> None:
    await asked.store(ENABLE, "Switch it on.")
    told = await looked(asked, prompt, near)
    assert words(told) == [(fate, exact)]
    assert told[0].scored is not None
    assert told[0].scored.verdict.signals["cosine"] == pytest.approx(near, abs=1e-3)


async def test_of_several_one_is_served_and_the_others_wait(asked: Asked) -> None:
    await asked.store(ENABLE, "Old.")
    await asked.store(ENABLE, "New.")
    told = await looked(asked, ENABLE, 1.0)
    assert words(told) == [("served", True), ("next", True)]
    assert told[0].hit.fields["answer"] == "New."


async def test_what_the_database_withholds_is_told(
    asked: Asked, withheld: set[tuple[UUID, int]]
) -> None:
    entry = await asked.store(ENABLE)
    withheld.add((entry, 1))
    assert words(await looked(asked, ENABLE, 1.0)) == [("withheld", True)]


async def test_nothing_is_near_a_prompt_too_long_to_be_embedded(asked: Asked) -> None:
    await asked.store(ENABLE)
    assert await looked(asked, f"{ENABLE} {'really ' * 200}", 1.0) == []


@pytest.mark.parametrize(
    "reason", ["scope", "language", "rules", "system prompt", "state", "hidden"]
)
async def test_each_filter_is_named(
    asked: Asked, reason: str, stand: Callable[..., None], client: redis.asyncio.Redis
) -> None:
    entry = await asked.store(ENABLE)
    user, prompt = 1, ENABLE
    if reason == "scope":
        user = 2
    elif reason == "language":
        prompt = "2FA を有効にする方法"
    elif reason == "rules":
        asked.rules = make_rules("Other words.", min_similarity=0.6)
    elif reason == "system prompt":
        await client.hset(asked.cache._index.key(entry), "system", "other")
    elif reason == "state":
        stand(entry, state="quarantined")
    else:
        stand(entry, hidden_from=(12, 1))
    (told,) = await looked(asked, prompt, 1.0, user)
    assert (told.fate, told.closed) == ("closed", (reason,))
    assert told.exact is (prompt == ENABLE)


async def test_an_expired_entry_is_none(asked: Asked, clock: Clock) -> None:
    await asked.store(ENABLE)
    clock.now += 2000
    assert await looked(asked, ENABLE, 1.0) == []


async def test_a_strangers_entry_is_told_with_its_signals(asked: Asked) -> None:
    turn = replace(make_turn(ENABLE), user=7)
    await asked.cache.store(turn, asked.rules, at(1), make_answer())
    (told,) = await looked(asked, "How do I disable 2FA?", 0.99, user=8)
    assert told.closed == ("scope",)
    assert told.scored is not None
    assert told.scored.verdict.vetoes == ("opposite",)
