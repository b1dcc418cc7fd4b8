"""What is served to whom, on a real Redis with search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import redis.asyncio

from conversations.adapters.answer_cache.cache import MEANING_LIMIT
from conversations.engine.types import CachedAnswer, CacheFacts
from tests.answer_cache.conftest import (
    USAGE,
    Asked,
    Clock,
    at,
    make_answer,
    make_cache,
    make_rules,
    make_turn,
)


async def test_the_same_question_is_an_exact_hit_with_all_its_facts(asked: Asked) -> None:
    entry = await asked.store("What is the capital of France?")
    hit = await asked.cache.lookup_exact(make_turn("what is the capital of france"), asked.rules)
    assert hit == CachedAnswer(
        CacheFacts("exact", 1.0, entry, USAGE), "Paris.", "openai", "gpt", "general", 1
    )


async def test_a_similar_question_is_a_semantic_hit_with_its_cosine(asked: Asked) -> None:
    entry = await asked.store("What is the capital of France?")
    hit = await asked.cache.lookup_similar(make_turn("other words"), asked.rules, at(0.95))
    assert hit
    assert hit.facts == CacheFacts("semantic", 0.95, entry, USAGE)


async def test_the_threshold_is_the_rule_sets(asked: Asked) -> None:
    await asked.store("What is the capital of France?")
    assert await asked.similar(0.901)
    assert await asked.similar(0.899) is None
    asked.rules = make_rules(min_similarity=0.85)
    assert await asked.similar(0.899)


async def test_opposite_vectors_are_not_near(asked: Asked) -> None:
    await asked.store("What is the capital of France?")
    assert await asked.similar(-1.0) is None


async def test_the_nearest_of_several_is_served(asked: Asked) -> None:
    for content, similarity in (("far", 0.91), ("near", 0.99), ("middle", 0.95)):
        turn = make_turn(content)
        await asked.cache.store(turn, asked.rules, at(similarity), make_answer(content))
    assert await asked.similar(1.0) == "near"


async def test_nobody_sees_the_answers_of_another_person(asked: Asked) -> None:
    await asked.store("What did I tell you?", user=1)
    for user in (2, 11, 0):
        assert await asked.exact("What did I tell you?", user) is None
        assert await asked.similar(1.0, user) is None


async def test_other_rules_find_nothing_and_the_same_rules_find_it_again(asked: Asked) -> None:
    await asked.store("What is the capital of France?")
    before, asked.rules = asked.rules, make_rules("Something else.")
    assert await asked.exact("What is the capital of France?") is None
    assert await asked.similar(1.0) is None
    asked.rules = replace(before, version=7)
    assert await asked.exact("What is the capital of France?")


async def test_an_answer_ends_when_its_rule_says_however_often_it_is_served(
    asked: Asked, clock: Clock
) -> None:
    await asked.store("What is the capital of France?")
    await asked.store("What is new?", rule="news")
    clock.now += 59
    assert await asked.exact("What is new?")
    clock.now += 2
    assert await asked.exact("What is new?") is None
    clock.now += 938
    assert await asked.exact("What is the capital of France?")
    assert await asked.similar(1.0)
    clock.now += 2
    assert await asked.exact("What is the capital of France?") is None
    assert await asked.similar(1.0) is None


async def test_redis_lets_go_of_it_too(
    asked: Asked,
    client: redis.asyncio.Redis,
    prefix: str,
    clock: Clock,
    stand: Callable[..., None],
) -> None:
    entry = await asked.store("What is the capital of France?")
    key = f"{prefix}:answer:{entry}"
    ends = await client.expiretime(key)
    assert clock.now + 1000 <= ends <= clock.now + 1001
    await asked.exact("What is the capital of France?")
    stand(entry, penalty=0.1)
    assert await client.expiretime(key) == ends


async def test_the_newest_answer_to_a_question_is_served(asked: Asked, clock: Clock) -> None:
    for content in ("first", "second", "third"):
        clock.now += 1
        await asked.store("What is the capital of France?", content)
    assert await asked.exact("What is the capital of France?") == "third"


async def test_long_questions_match_by_their_words_alone(asked: Asked) -> None:
    text = "Summarize: " + "x" * MEANING_LIMIT
    await asked.store(text)
    turn = make_turn(text)
    assert await asked.cache.lookup_similar(turn, asked.rules, at(1)) is None
    assert await asked.exact(text)


async def test_answers_come_back_to_the_letter(asked: Asked) -> None:
    content = "```py\nprint('ü \u2013 日本語 🦊')\r\n```\n\x00 {a|b} @x:[1 2]"
    await asked.store("What about @scope:{user:2} | *?", content)
    assert await asked.exact("What about @scope:{user:2} | *?") == content


async def test_another_embedder_keeps_the_exact_hits_and_has_an_index_of_its_own(
    asked: Asked, client: redis.asyncio.Redis, prefix: str, clock: Clock
) -> None:
    await asked.store("What is the capital of France?")
    other = make_cache(client, prefix, embedder_name="other/model", dimensions=4, clock=clock)
    assert other._index.name.startswith(f"{prefix}:answers:other_model:4:")
    beside = Asked(other, asked.rules)
    assert await beside.exact("What is the capital of France?")  # makes the index
    while (await other.stats()).entries < 1:  # Redis fills it in the background
        pass
    turn = make_turn("other words")
    assert await other.lookup_similar(turn, asked.rules, [1.0, 0, 0, 0]) is None
    await other.store(turn, asked.rules, [1.0, 0, 0, 0], make_answer())
    assert await other.lookup_similar(make_turn("x"), asked.rules, [1.0, 0, 0, 0])
    await client.ft(other._index.name).dropindex()
