"""Whose answers reach whom."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st

from conversations.domain.entry_ids import EntryIds
from conversations.models import new_id
from routing.domain.rules import StaysTrue
from tests.answer_cache.conftest import IDS, Asked, Clock, at, make_cache, make_turn

QUESTION = "What is the capital of France?"


async def test_everybody_is_given_what_is_shared(asked: Asked) -> None:
    await asked.store(QUESTION, user=1, rule="faq")
    for user in (1, 2):
        assert await asked.exact(QUESTION, user) == "Paris."
        assert await asked.similar(0.95, user) == "Paris."


@pytest.mark.parametrize(
    "said",
    [
        {"rule": "general"},
        {"impersonal": False},
        {"self_contained": False},
        {"stays_true": StaysTrue.DAY},
        {"content": "Paris, dear ada@example.org."},
        {"prompt": "What is the status of order 4711?"},
        {"prompt": "My name is Ada. What is the capital of France?"},
    ],
    ids=["rule", "personal", "follow-up", "time-bound", "in the answer", "in the question", "name"],
)
async def test_whatever_speaks_against_it_keeps_it_to_the_person(
    asked: Asked, said: dict[str, Any]
) -> None:
    said = {"prompt": QUESTION, "rule": "faq"} | said
    prompt = said.pop("prompt")
    await asked.store(prompt, user=1, **said)
    assert await asked.exact(prompt, 2) is None
    assert await asked.similar(1.0, 2) is None
    if said.get("self_contained", True):
        assert await asked.exact(prompt, 1)


async def test_an_id_tells_nobody_whose_question_it_was(asked: Asked) -> None:
    message = await asked.store(QUESTION, user=1, rule="faq")
    hit = await asked.cache.lookup_exact(make_turn(QUESTION, 2), asked.rules)
    assert hit
    entry = hit.facts.entry
    assert entry
    assert entry != message
    assert IDS.message(entry) == message
    assert EntryIds("another secret").message(entry) != message
    assert await asked.forget(IDS.both(message)) == 1
    assert await asked.exact(QUESTION, 2) is None


async def test_ones_own_comes_before_others(asked: Asked, clock: Clock) -> None:
    await asked.store(QUESTION, "Mine.", user=1)
    clock.now += 1
    await asked.store(QUESTION, "Everybody's.", user=2, rule="faq")
    assert await asked.exact(QUESTION, 1) == "Mine."
    assert await asked.exact(QUESTION, 3) == "Everybody's."


async def test_an_answer_to_another_language_is_none(asked: Asked) -> None:
    await asked.store("Wie heißt die Hauptstadt von Frankreich?")
    turn = make_turn("What is the capital of France?")
    assert await asked.cache.lookup_similar(turn, asked.rules, at(1)) is None
    turn = make_turn("Wie lautet die Hauptstadt von Frankreich?")
    assert await asked.cache.lookup_similar(turn, asked.rules, at(1))


async def test_another_system_prompt_leaves_the_answers_behind(
    asked: Asked, client: redis.asyncio.Redis, prefix: str, clock: Clock
) -> None:
    await asked.store(QUESTION)
    await asked.cache.warm("How do I pay?", "By card.", at(1))
    polite = make_cache(client, prefix, system_prompt="Be polite.", clock=clock)
    assert await Asked(polite, asked.rules).exact(QUESTION) is None
    assert await Asked(polite, asked.rules).exact("How do I pay?") == "By card."


@given(st.binary(min_size=1, max_size=8))
def test_an_id_is_found_again_under_its_own_key_only(secret: bytes) -> None:
    ids, message = EntryIds(secret.hex()), new_id()
    entry = ids.shared(message)
    assert (entry.version, entry.variant) == (8, "specified in RFC 4122")
    assert ids.message(entry) == message
    assert ids.message(message) == message
    assert ids.both(message) == (message, entry)


def test_ids_of_messages_that_follow_each_other_share_nothing() -> None:
    made = [IDS.shared(new_id()) for _ in range(200)]
    assert len({entry.int >> 108 for entry in made}) > 150
    assert made != sorted(made)
    assert IDS.message(UUID("9b2e6d0e-6f3e-5a2c-8d5f-0c6a5b4e3d2c")) is None  # the operator's own
