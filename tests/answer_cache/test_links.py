"""Links of stored answers: on a real Redis, with a judge that is counted and paid."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import redis.asyncio
from asgiref.sync import sync_to_async

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.answer_cache.chat_entries import ChatEntryReader
from conversations.adapters.answer_cache.entries import entry_key, forget_commands
from conversations.adapters.background.answer_links import LINKS, AnswerLinker
from conversations.domain.errors import LimitExceeded
from conversations.engine.types import StoredAnswer, Turn
from conversations.stats.daily import cost_record
from conversations.stats.link_records import LINK, link_sums, link_usd_today
from routing.common.redis.clients import Breaker
from routing.common.tasks import Background
from routing.domain.limits import LimitScope, LimitTerms, LimitUnit, LimitWindow
from routing.domain.llm import Meter, Usage
from routing.domain.rules import ReusePolicy, RuleSet
from routing.reuse.judge import LinkCase
from routing.reuse.linking import Known
from tests.answer_cache.conftest import (
    IDS,
    Clock,
    at,
    indexed,
    make_answer,
    make_cache,
    make_rules,
    make_turn,
)
from tests.fakes import FakeSideCalls, attempt

TERMS = LimitTerms(1, LimitScope.INSTALLATION, LimitUnit.USD, LimitWindow.DAY, 0)

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class FakeJudge:
    """Says the numbers in ``says``, one a call."""

    says: list[int | None] = field(default_factory=list)
    cases: list[LinkCase] = field(default_factory=list)
    usd: Decimal | None = Decimal("0.001")
    keyed: bool = True

    def has_model(self, rules: RuleSet) -> bool:
        return self.keyed

    async def says_same(self, case: LinkCase, rules: RuleSet, meter: Meter) -> int | None:
        self.cases.append(case)
        usage = Usage(10, 1, cost_usd=self.usd, unpriced=int(self.usd is None))
        meter(attempt(operation="link", usage=usage))
        return self.says.pop(0)


@dataclass
class World:
    cache: RedisAnswerCache
    redis: redis.asyncio.Redis
    prefix: str
    background: Background = field(default_factory=Background)
    judge: FakeJudge = field(default_factory=FakeJudge)
    side: FakeSideCalls = field(default_factory=FakeSideCalls)
    counted: list[str] = field(default_factory=list)
    rules: RuleSet = field(default_factory=make_rules)

    async def store(self, content: str, user: int = 1, rule: str = "general") -> UUID:
        """Store an answer to a question like all others here, and let it be linked."""
        turn: Turn = make_turn(f"where is it {len(self.judge.cases)} {content}", user)
        answer = make_answer(content, rule)
        entry = await self.cache.store(turn, self.rules, at(0.9), answer)
        linker = AnswerLinker(
            self.cache,
            self.judge,  # type: ignore[arg-type]
            self.background,
            self.side,  # type: ignore[arg-type]
            self.counted.append,
        )
        linker.settle(StoredAnswer(turn, self.rules, at(0.9), entry, content))
        await self.background.wait(LINKS)
        return entry

    async def links(self, entry: UUID) -> tuple[str, set[str]]:
        key = entry_key(self.prefix, entry)
        group: Any
        apart: Any
        group, apart = await self.redis.hmget(key, ["group", "apart"])
        return (group or b"").decode(), set((apart or b"").decode().split())


@pytest.fixture
async def world(client: redis.asyncio.Redis, prefix: str, clock: Clock) -> AsyncIterator[World]:
    async with indexed(client, make_cache(client, prefix, ids=IDS, clock=clock)) as cache:
        made = World(cache, client, prefix)
        yield made
        await made.background.close()


async def test_one_call_a_stored_answer_puts_it_in_a_group_and_apart_from_others(
    world: World,
) -> None:
    first = await world.store("Upstairs.")
    assert not world.judge.cases  # nothing near it: nobody is asked
    world.judge.says = [0, 2]
    second = await world.store("In the cellar.")
    third = await world.store("On the upper floor.")

    assert world.counted == ["different", "same"]
    assert [len(case.stored) for case in world.judge.cases] == [1, 2]
    (one, _), (other, apart), joined = [await world.links(each) for each in (first, second, third)]
    shown = [answer for _, answer in world.judge.cases[1].stored]
    same, differs = (one, other) if shown[1] == "Upstairs." else (other, one)
    assert apart == {one}
    assert joined == (same, {differs})
    assert [(purpose, len(calls)) for purpose, _, calls in world.side.kept] == [(LINK, 1)] * 2
    sums = await sync_to_async(link_sums)(since=datetime.now(UTC).date())
    assert (sums.made, sums.same) == (2, 1)


async def test_what_conflicts_is_split_without_a_call(world: World) -> None:
    first = await world.store("At number 12.")
    second = await world.store("At number 14.")
    assert world.judge.cases == []
    assert world.counted == ["conflict"]
    assert (await world.links(second))[1] == {(await world.links(first))[0]}


@pytest.mark.parametrize(
    "why", ["no key", "budget 0", "spent", "spent without a price", "a limit is reached"]
)
async def test_without_a_paid_judge_nothing_is_known(world: World, why: str) -> None:
    await world.store("Upstairs.")
    world.judge.keyed = why != "no key"
    dollars = 0.0 if why == "budget 0" else 0.02
    world.rules = replace(world.rules, reuse=ReusePolicy(links_usd_per_day=dollars))
    if "spent" in why:
        usage = Usage(1, 1, cost_usd=Decimal("0.02")) if why == "spent" else Usage(1, 1, unpriced=2)
        await sync_to_async(cost_record)(purpose=LINK, rule="", attempts=[attempt(usage=usage)])
        assert await sync_to_async(link_usd_today)() == 0.02
    if "limit" in why:
        world.rules = replace(world.rules, reuse=ReusePolicy())
        world.side.refusal = LimitExceeded(TERMS, wait=1)
    second = await world.store("In the cellar.")
    assert world.judge.cases == []
    assert world.counted == ["unpaid"]
    assert await world.links(second) == ("", set())


async def test_a_judge_that_cannot_be_understood_leaves_all_unknown_and_is_paid(
    world: World,
) -> None:
    await world.store("Upstairs.")
    world.judge.says = [None]
    second = await world.store("In the cellar.")
    assert world.counted == ["failed"]
    assert await world.links(second) == ("", set())
    assert len(world.side.kept) == 1


async def test_a_shared_answer_is_not_shown_beside_anybody_s_own(world: World) -> None:
    await world.store("Upstairs.")
    await world.store("On the roof.", rule="faq")
    assert world.judge.cases == []
    world.judge.says = [0]
    await world.store("In the yard.", user=2)
    ((_, answer),) = world.judge.cases[0].stored
    assert answer == "On the roof."


async def test_a_person_is_told_which_of_their_answers_say_the_same(world: World) -> None:
    first = await world.store("Upstairs.")
    reader = ChatEntryReader(world.redis, Breaker(), prefix=world.prefix)
    (unlinked,) = await reader.read([str(first)])
    assert unlinked["group"] == ""
    world.judge.says = [1]
    second = await world.store("On the upper floor.")
    one, other = await reader.read([str(first), str(second)])
    assert one["group"] == other["group"] != ""


async def test_links_go_with_their_entry_and_do_not_bring_it_back(world: World) -> None:
    first = await world.store("Upstairs.")
    world.judge.says = [1]
    second = await world.store("On the upper floor.")
    for command in forget_commands(world.prefix, [second]):
        await world.redis.eval(*command)
    turn = make_turn("where is it")
    await world.cache.link(StoredAnswer(turn, world.rules, at(1), second, ""), ["x"], 0)
    await world.cache._index.link(second, Known("x", frozenset()))
    assert not await world.redis.exists(entry_key(world.prefix, second))
    for name, value in (await world.redis.hgetall(entry_key(world.prefix, first))).items():
        if name in {b"group", b"apart"}:
            assert str(second).encode() not in value
