"""Guesses: which rule is the likeliest, and when no model is asked ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from django.db import OperationalError

from conversations.adapters.speculation import (
    LEAST,
    LOOK_SECONDS,
    MeasuredSpeculator,
    SpeculationMode,
)
from conversations.engine.types import Vector
from routing.common.tasks import Background
from routing.domain.errors import CacheUnavailable, EmbedderUnavailable
from routing.domain.rules import Decision, ReusePolicy, RuleSet, Source
from routing.domain.vectors import VectorOpinion
from tests.engine.test_decision_vectors import DECIDED, OPINION
from tests.fakes import RULES, FakeEmbedder, turn

pytestmark = pytest.mark.pure
RULES_WITH_BUDGET = replace(RULES, reuse=ReusePolicy(speculation_usd_per_day=0.5))
GENERAL = replace(DECIDED, rule="general", source=Source.CLASSIFIER, vector=None)


@dataclass
class Clear:
    said: bool = True
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def is_clear(self, prompt: str, rules: RuleSet, vector: Vector) -> bool:
        self.asked.append(prompt)
        if self.error:
            raise self.error
        return self.said


@dataclass
class World:
    background: Background
    vectors: Clear = field(default_factory=Clear)
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    wasted: Decimal | Exception = Decimal("0.1")
    now: float = 100.0
    looks: int = 0

    def speculator(self, mode: SpeculationMode = SpeculationMode.AUTO) -> MeasuredSpeculator:
        return MeasuredSpeculator(
            self.vectors,  # type: ignore[arg-type]
            self.embedder,
            self.background,
            self._wasted,
            mode=mode,
            clock=lambda: self.now,
        )

    async def _wasted(self) -> Decimal:
        self.looks += 1
        if isinstance(self.wasted, Exception):
            raise self.wasted
        return self.wasted


@pytest.fixture
async def world() -> AsyncIterator[World]:
    background = Background()
    yield World(background)
    await background.close()


async def allowed(
    world: World, speculator: MeasuredSpeculator, rules: RuleSet = RULES_WITH_BUDGET
) -> bool:
    speculator.allows(rules)
    await world.background.wait("waste of speculation")
    return speculator.allows(rules)


def learned(speculator: MeasuredSpeculator, general: int, other: int = 0) -> MeasuredSpeculator:
    for rule, count in (("general", general), ("reasoning", other)):
        for _ in range(count):
            speculator.learn(RULES, replace(GENERAL, rule=rule))
    return speculator


async def guessed(
    speculator: MeasuredSpeculator, opinion: VectorOpinion | None = None, rules: RuleSet = RULES
) -> str | None:
    decision: Decision | None = await speculator.guess(turn(), rules, (1.0, 0.0), opinion)
    return decision.rule if decision else None


async def test_the_budget_holds(world: World) -> None:
    speculator = world.speculator()
    assert not speculator.allows(RULES_WITH_BUDGET), "the waste of today is not known yet"
    assert await allowed(world, speculator)
    world.wasted, world.now = Decimal("0.5"), world.now + LOOK_SECONDS
    assert not await allowed(world, speculator)
    assert world.looks == 2


async def test_nothing_is_read_without_a_budget(world: World) -> None:
    assert not await allowed(world, world.speculator(), RULES)
    assert world.looks == 0


async def test_an_unknown_waste_is_no_waste_to_go_on_with(world: World) -> None:
    speculator = world.speculator()
    assert await allowed(world, speculator)
    world.wasted, world.now = OperationalError("away"), world.now + LOOK_SECONDS
    assert not await allowed(world, speculator)


async def test_modes_for_tests_need_no_budget(world: World) -> None:
    always = world.speculator(SpeculationMode.ALWAYS)
    assert always.allows(RULES)
    assert await guessed(always) == "general"
    assert not world.speculator(SpeculationMode.NEVER).allows(RULES_WITH_BUDGET)


async def test_earlier_verdicts_on_similar_questions_name_the_rule(world: World) -> None:
    assert await guessed(world.speculator(), OPINION) == "reasoning"
    assert not world.vectors.asked, "an opinion is far from rules that refuse"
    unsure = replace(OPINION, probability=0.4)
    assert await guessed(learned(world.speculator(), LEAST), unsure) is None


async def test_the_commonest_rule_is_guessed_once_it_is_common_enough(world: World) -> None:
    assert await guessed(learned(world.speculator(), LEAST - 1)) is None
    assert await guessed(learned(world.speculator(), LEAST)) == "general"
    assert await guessed(learned(world.speculator(), LEAST, LEAST + 1)) == "reasoning"
    fallback = replace(GENERAL, source=Source.CLASSIFIER_FALLBACK)
    speculator = world.speculator()
    for _ in range(LEAST):
        speculator.learn(RULES, fallback)
    assert await guessed(speculator) is None


async def test_newer_verdicts_weigh_more(world: World) -> None:
    speculator = learned(learned(world.speculator(), 2_000), 0, 1_200)
    assert await guessed(speculator) == "reasoning"


@pytest.mark.parametrize("error", [None, CacheUnavailable("away")], ids=["near", "away"])
async def test_nothing_is_guessed_where_a_refusal_may_be_near(
    world: World, error: Exception | None
) -> None:
    world.vectors = Clear(said=False, error=error)
    assert await guessed(learned(world.speculator(), LEAST)) is None


async def test_a_prompt_without_a_vector_is_embedded(world: World) -> None:
    speculator = learned(world.speculator(), LEAST)
    assert (await speculator.guess(turn(), RULES, None, None)) is not None
    world.embedder.error = EmbedderUnavailable("away")
    assert (await speculator.guess(turn(), RULES, None, None)) is None


async def test_a_rule_may_forbid_it(world: World) -> None:
    general = replace(RULES.rules[0], speculation=False)
    rules = replace(RULES, rules=(general, *RULES.rules[1:]))
    assert rules.fingerprint == RULES.fingerprint
    assert await guessed(learned(world.speculator(), LEAST), rules=rules) is None


async def test_pictures_are_not_drawn_ahead(world: World) -> None:
    speculator = world.speculator()
    for _ in range(LEAST):
        speculator.learn(RULES, replace(GENERAL, rule="draw"))
    assert await guessed(speculator) is None


async def test_guesses_of_many_rule_sets_are_bounded(world: World) -> None:
    speculator = world.speculator()
    for number in range(200):
        named = replace(RULES, default_rule=f"rule{number}")
        speculator.learn(named, GENERAL)
    assert len(speculator._counts) <= 64
    await asyncio.sleep(0)
