"""For how long an answer is kept."""

from __future__ import annotations

import pytest

from routing.domain.rules import StaysTrue
from tests.answer_cache.conftest import Asked, Clock, make_rules

DAY = 24 * 3600
QUESTION = "What is the capital of France?"


@pytest.mark.parametrize(
    ("stays_true", "rule_days", "days"),
    [
        (StaysTrue.TIMELESS, 365, 365),
        (StaysTrue.MONTHS, 365, 60),
        (StaysTrue.MONTHS, 7, 7),
        (StaysTrue.DAY, 365, 1),
    ],
)
async def test_an_answer_is_kept_as_long_as_it_stays_true_and_its_rule_says(
    asked: Asked, clock: Clock, stays_true: StaysTrue, rule_days: int, days: int
) -> None:
    asked.rules = make_rules(cache_ttl_seconds=rule_days * DAY)
    await asked.store(QUESTION, stays_true=stays_true)
    clock.now += days * DAY - 1
    for _ in range(3):
        assert await asked.exact(QUESTION)
        assert await asked.similar(1.0)
    clock.now += 2
    assert await asked.exact(QUESTION) is None
    assert await asked.similar(1.0) is None


async def test_what_is_wrong_at_once_is_never_served(asked: Asked) -> None:
    await asked.store(QUESTION, stays_true=StaysTrue.NEVER)
    assert await asked.exact(QUESTION) is None
