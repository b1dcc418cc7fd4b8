"""Prompts among other messages: their answers serve the same messages alone, of the same end user."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio

from conversations.adapters.answer_cache.chat_entries import chat_entries, chat_entries_key
from conversations.adapters.answer_cache.entries import curated_id
from conversations.engine.types import CallerChat, Turn
from routing.common.redis.clients import sync_client
from tests.answer_cache.conftest import IDS, USAGE, Asked, at, make_answer, make_turn

QUESTION = "What is the capital of France?"


def chat_turn(prompt: str = QUESTION, user: int = 1, **fields: Any) -> Turn:
    chat = CallerChat((), {}, plain=True, **fields)
    return replace(make_turn(prompt, user), chat=chat)


async def serves(asked: Asked, turn: Turn) -> tuple[bool, bool]:
    """By the same words, and by the meaning."""
    exact = await asked.cache.lookup_exact(turn, asked.rules)
    similar = await asked.cache.lookup_similar(turn, asked.rules, at(0.99))
    return exact is not None, similar is not None


@pytest.mark.parametrize(
    ("stored", "asks", "same"),
    [
        ({}, {}, True),
        ({"context": "a"}, {"context": "a"}, True),
        ({"context": "a"}, {"context": "b"}, False),
        ({"context": "a"}, {}, False),
        ({}, {"context": "a"}, False),
        ({"end_user": "ann"}, {"end_user": "ann"}, True),
        ({"end_user": "ann"}, {"end_user": "bob"}, False),
        ({"end_user": "ann"}, {}, False),
        ({}, {"end_user": "ann"}, False),
    ],
)
async def test_the_other_messages_and_the_end_user_are_a_filter(
    asked: Asked, stored: dict[str, Any], asks: dict[str, Any], same: bool
) -> None:
    await asked.cache.store(chat_turn(**stored), asked.rules, at(1), make_answer())

    assert await serves(asked, chat_turn(**asks)) == (same, same)
    assert await serves(asked, chat_turn(user=2, **asks)) == (False, False)


async def test_a_plain_chat_and_a_conversation_share_their_answers(asked: Asked) -> None:
    await asked.store(QUESTION)
    hit = await asked.cache.lookup_exact(chat_turn(), asked.rules)

    assert hit
    assert hit.facts.usage == USAGE


async def test_answers_for_all_come_from_a_prompt_alone(asked: Asked) -> None:
    faq = make_answer(rule="faq")
    await asked.cache.store(chat_turn(context="a"), asked.rules, at(1), faq)
    assert await serves(asked, chat_turn(user=2, context="a")) == (False, False)

    await asked.cache.store(chat_turn(), asked.rules, at(1), faq)
    assert await serves(asked, chat_turn(user=2)) == (True, True)


async def test_the_operators_answers_hold_without_other_messages_alone(asked: Asked) -> None:
    await asked.cache.warm(QUESTION, "Paris, says the operator.", at(1))

    assert await serves(asked, chat_turn()) == (True, True)
    assert await serves(asked, chat_turn(context="a")) == (False, False)
    await asked.forget([curated_id(QUESTION)])


async def test_entries_of_chats_are_registered_for_their_erasure(
    asked: Asked, client: redis.asyncio.Redis, redis_url: str
) -> None:
    index = asked.cache._index
    first, second = chat_turn(user=77), chat_turn("Another question?", user=77, context="a")
    for turn in (first, second):
        await asked.cache.store(turn, asked.rules, at(1), make_answer(rule="faq"))
    with sync_client(redis_url) as plain:
        found = chat_entries(plain, index.prefix, 77)

    assert set(found) == {IDS.of_chat(first.message), IDS.of_chat(second.message)}
    assert all([await client.exists(index.key(entry)) for entry in found])
    assert await client.ttl(chat_entries_key(index.prefix, 77)) > 0
    # No row of the database is asked for: there is none, and its answer would be withheld.
    assert all(IDS.message(entry) is None for entry in found)
