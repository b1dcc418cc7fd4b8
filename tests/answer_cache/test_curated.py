"""Answers of the operator's own."""

from __future__ import annotations

from collections.abc import Callable

from conversations.engine.types import CachedAnswer, CacheFacts
from tests.answer_cache.conftest import Asked, Clock, at, make_rules, make_turn

QUESTION, ANSWER = "How do I pay?", "By card or by transfer."


async def test_everybody_is_answered_under_any_rules_for_good(asked: Asked, clock: Clock) -> None:
    assert await asked.cache.warm(QUESTION, ANSWER, at(1)) == "new"
    asked.rules = make_rules("Something else.")
    clock.now += 10 * 365 * 24 * 3600
    for user in (1, 2):
        assert await asked.exact("how do I pay", user) == ANSWER
        assert await asked.similar(0.95, user) == ANSWER


async def test_nobody_wrote_it_and_no_rule_chose_it(asked: Asked) -> None:
    await asked.cache.warm(QUESTION, ANSWER, at(1))
    hit = await asked.cache.lookup_exact(make_turn(QUESTION), asked.rules)
    assert hit
    entry = hit.facts.entry
    assert hit == CachedAnswer(CacheFacts("exact", 1.0, entry), ANSWER, None, None, None, None)


async def test_it_comes_before_a_persons_own(asked: Asked, clock: Clock) -> None:
    await asked.cache.warm(QUESTION, ANSWER, at(1))
    clock.now += 1
    await asked.store(QUESTION, "I don't know.")
    assert await asked.exact(QUESTION) == ANSWER


async def test_warming_again_changes_nothing(asked: Asked) -> None:
    await asked.cache.warm(QUESTION, ANSWER, at(1))
    assert await asked.cache.warmth(QUESTION, ANSWER) == "unchanged"
    assert await asked.cache.warm(QUESTION, ANSWER, at(1)) == "unchanged"
    assert (await asked.cache.stats()).entries == 1


async def test_a_bad_rating_outlives_warming_but_not_a_better_answer(
    asked: Asked, stand: Callable[..., None]
) -> None:
    await asked.cache.warm(QUESTION, ANSWER, at(1))
    hit = await asked.cache.lookup_exact(make_turn(QUESTION), asked.rules)
    assert hit
    assert hit.facts.entry
    stand(hit.facts.entry, state="quarantined")
    await asked.cache.warm(QUESTION, ANSWER, at(1))
    assert await asked.exact(QUESTION) is None
    assert await asked.cache.warm(QUESTION, "By card only.", at(1)) == "changed"
    assert await asked.exact(QUESTION) == "By card only."
