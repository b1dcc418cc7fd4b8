"""Candidates are verified before they are served: on a real Redis, with the shipped weights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest
import redis.asyncio

from conversations.adapters.answer_cache.entries import SHARED, Hit
from conversations.adapters.answer_cache.verifier import ReuseVerifier
from routing.reuse.model import ReuseModel
from tests.answer_cache.conftest import (
    Asked,
    Clock,
    at,
    indexed,
    make_answer,
    make_cache,
    make_rules,
    make_turn,
)


@pytest.fixture
async def verified(client: redis.asyncio.Redis, prefix: str, clock: Clock) -> AsyncIterator[Asked]:
    cache = make_cache(client, prefix, clock=clock, verifier=ReuseVerifier(ReuseModel.load()))
    async with indexed(client, cache):
        yield Asked(cache, make_rules(min_similarity=0.6))


async def ask(
    asked: Asked, prompt: str, similarity: float
) -> tuple[str | None, list[Mapping[str, Any]]]:
    heard: list[Mapping[str, Any]] = []
    hit = await asked.cache.lookup_similar(
        make_turn(prompt), asked.rules, at(similarity), heard.append
    )
    return hit.content if hit else None, heard


async def test_the_opposite_is_never_served_however_near(verified: Asked) -> None:
    await verified.store("How do I enable 2FA?", "Switch it on.")
    content, heard = await ask(verified, "How do I disable 2FA?", 0.999)
    assert content is None
    assert heard[0]["vetoes"] == ["opposite"]


async def test_a_paraphrase_is_served_and_the_trace_hears_why(verified: Asked) -> None:
    entry = await verified.store("How do I enable 2FA?", "Switch it on.")
    content, heard = await ask(verified, "How can I enable 2FA?", 0.97)
    assert content == "Switch it on."
    assert heard[0]["entry"] == str(entry)
    assert heard[0]["probability"] >= heard[0]["cut"]
    assert "2FA" not in str(heard)


async def test_behind_a_vetoed_candidate_the_next_one_is_served(verified: Asked) -> None:
    for question, similarity in (("How do I disable 2FA?", 1.0), ("How do I enable 2FA?", 0.97)):
        turn = make_turn(question)
        await verified.cache.store(turn, verified.rules, at(similarity), make_answer(question))
    content, heard = await ask(verified, "How can I enable 2FA?", 1.0)
    assert content == "How do I enable 2FA?"
    assert len(heard) == 2


async def test_what_is_not_sure_enough_is_a_miss(verified: Asked) -> None:
    await verified.store("How do I enable 2FA?")
    assert (await ask(verified, "What is for lunch?", 0.7))[0] is None


async def test_the_floor_holds(verified: Asked) -> None:
    await verified.store("How do I enable 2FA?")
    verified.rules = make_rules(min_similarity=0.99)
    assert (await ask(verified, "How can I enable 2FA?", 0.97))[0] is None


async def test_a_doubt_needs_a_second_opinion(verified: Asked) -> None:
    await verified.store("Who is the mayor of Berlin?", "The present one.")
    content, candidates = await ask(verified, "Who was the mayor of Berlin?", 0.99)
    assert content is None
    assert candidates[0]["uncertain"] == ["tense"]


async def test_an_unreadable_question_is_answered_by_the_same_words_only(
    client: redis.asyncio.Redis, prefix: str, clock: Clock
) -> None:
    readable = make_cache(client, prefix, clock=clock, reads=str.isascii)
    async with indexed(client, readable):
        cache = Asked(readable, make_rules(min_similarity=0.6))
        # Stored as a version before did, without asking whether the embedder can read it.
        await cache.store("重置我的密码", "Reset it.")
        for prompt in ("删除我的账户", "something readable"):
            turn = make_turn(prompt)
            assert await readable.lookup_similar(turn, cache.rules, at(1)) is None
        assert await cache.exact("重置我的密码") == "Reset it."


def test_answers_that_nobody_compared_need_a_higher_probability() -> None:
    questions = [f"Where is gate {name} of the northern hall?" for name in "ABCDEF"]
    groups = [str(number) for number in range(len(questions))]
    verifier, policy = ReuseVerifier(ReuseModel.load()), make_rules().reuse

    def cut(apart: Sequence[str]) -> float:
        fields = {"scope": SHARED, "apart": " ".join(apart)}
        hits = [
            Hit(uuid4(), 0.9, {**fields, "question": question, "group": group})
            for question, group in zip(questions, groups, strict=True)
        ]
        scored = verifier.score("Where is the northern hall?", hits, policy)
        return next(one.cut for one in scored if one.hit is hits[0])

    assert cut([]) > cut(groups[3:]) > cut(groups)
