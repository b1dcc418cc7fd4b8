"""A slow classifier: the second one is asked beside it, and the first valid verdict decides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from routing.classifier.fallback import CANCELLED, MALFORMED, FallbackClassifier
from routing.domain.llm import Attempt, ChatMessage, ClassifierResult, RawText, Usage
from routing.domain.rules import ModelRef, Source
from tests.classifier.rules import RULES
from tests.classifier.test_fallback import outcomes, verdict

AT_ONCE = 0.0


class Paused:
    """Each model speaks when it is let; ``gave_up`` names those who were left while they thought."""

    def __init__(self, **says: list[str]) -> None:
        self.says = says
        self.may = {name: asyncio.Event() for name in says}
        self.asked = {name: asyncio.Event() for name in says}
        self.gave_up: list[str] = []
        self.silent = asyncio.Event()

    async def complete_json(
        self, model: ModelRef, messages: Sequence[ChatMessage], schema: Mapping[str, Any] | None
    ) -> RawText:
        self.asked[model.name].set()
        try:
            await self.may[model.name].wait()
        except asyncio.CancelledError:
            self.gave_up.append(model.name)
            raise
        said = self.says[model.name].pop(0)
        if not self.says[model.name]:
            self.silent.set()
        return RawText(said, "stop", Usage(10, 5, Decimal("0.001")))

    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        return Usage(usage.input_tokens, usage.output_tokens, Decimal("0.002"), usage.estimated)


def begun(client: Paused, late: float | None = AT_ONCE) -> asyncio.Task[ClassifierResult]:
    ladder = FallbackClassifier(client, late=late)
    return asyncio.create_task(ladder.classify("Hello", RULES, ()))


def cancelled(attempts: Sequence[Attempt]) -> Attempt:
    (found,) = (attempt for attempt in attempts if attempt.outcome == CANCELLED)
    return found


async def test_the_second_decides_while_the_first_still_thinks() -> None:
    client = Paused(haiku=[], mini=[verdict("pictures")])
    client.may["mini"].set()

    result = await begun(client)

    assert (result.decision.rule, result.decision.source) == (
        "pictures",
        Source.CLASSIFIER_FALLBACK,
    )
    assert outcomes(result.attempts) == [("haiku", CANCELLED), ("mini", "ok")]
    assert client.gave_up == ["haiku"]
    usage = cancelled(result.attempts).usage
    assert usage.estimated
    assert usage.input_tokens > 0
    assert usage.cost_usd == Decimal("0.002")


async def test_the_first_may_still_win() -> None:
    client = Paused(haiku=[verdict("general")], mini=[])
    task = begun(client)
    await client.asked["mini"].wait()
    client.may["haiku"].set()

    result = await task

    assert result.decision.source is Source.CLASSIFIER
    assert outcomes(result.attempts) == [("haiku", "ok"), ("mini", CANCELLED)]
    assert client.gave_up == ["mini"]


async def test_nonsense_does_not_win() -> None:
    client = Paused(haiku=[verdict("general")], mini=["?", verdict("nobodys")])
    client.may["mini"].set()
    task = begun(client)
    await client.silent.wait()
    client.may["haiku"].set()

    result = await task

    assert result.decision.source is Source.CLASSIFIER
    assert sorted(outcomes(result.attempts)) == [
        ("haiku", "ok"),
        ("mini", MALFORMED),
        ("mini", MALFORMED),
    ]


async def test_a_quick_first_is_left_alone() -> None:
    client = Paused(haiku=[verdict("general")], mini=[])
    client.may["haiku"].set()

    result = await begun(client, late=60)

    assert outcomes(result.attempts) == [("haiku", "ok")]
    assert not client.asked["mini"].is_set()


async def test_without_a_deadline_the_second_waits_for_the_first() -> None:
    client = Paused(haiku=["?", "?"], mini=[verdict()])
    client.may["mini"].set()
    task = begun(client, late=None)
    await client.asked["haiku"].wait()
    assert not client.asked["mini"].is_set()
    client.may["haiku"].set()

    assert (await task).decision.source is Source.CLASSIFIER_FALLBACK


async def test_who_leaves_leaves_both() -> None:
    client = Paused(haiku=[], mini=[])
    task = begun(client)
    await client.asked["mini"].wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert task.cancelled()
    assert sorted(client.gave_up) == ["haiku", "mini"]


async def test_the_default_is_recorded_for_what_it_is() -> None:
    client = Paused(haiku=["?", "?"], mini=["?", verdict("nobodys")])
    for may in client.may.values():
        may.set()

    decision = (await begun(client, late=None)).decision

    assert (decision.source, decision.rule) == (Source.DEFAULT, "general")
    assert "named a published rule" in decision.reason
