"""Moderation in a turn: what waits for the word on a prompt, and what is left of a refused run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from conversations.engine.engine import Engine
from conversations.engine.events import Decided, Token
from conversations.engine.moderation import Moderation
from conversations.engine.pictures import PictureTask, draw_pictures
from conversations.engine.types import CachedAnswer, CacheFacts, Leader, Picture, Turn
from routing.domain.actions import Action
from routing.domain.decide import requested_decision
from routing.domain.errors import ModerationUnavailable, NoProviderAvailable
from routing.domain.guard import GuardReport
from routing.domain.llm import Meter
from routing.domain.moderation import ModerationReport, ModerationResult, ModerationTerms
from routing.domain.rules import ModelRef
from tests.engine.test_single_flight import LedFlight
from tests.fakes import (
    PAINTER,
    RULES,
    FakeCache,
    FakeChat,
    FakeClassifier,
    FakeGuard,
    FakeImageTool,
    FakeMemory,
    FakeSink,
    attempt,
    ports,
    turn,
)

HIT = ModerationResult(frozenset({"violence"}), {"violence": 0.9})
CLEAN = ModerationResult(frozenset(), {"violence": 0.1})
FLAGS = ModerationTerms(frozenset())


@dataclass
class FakeModerator:
    """Says ``result`` once ``gate`` is open, or that it is away."""

    result: ModerationResult | None = HIT
    terms: ModerationTerms = field(default_factory=ModerationTerms)
    gate: asyncio.Event | None = None
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def look(self, text: str, pictures: Sequence[str], meter: Meter) -> ModerationReport:
        self.asked.append((text, tuple(pictures)))
        if self.gate:
            await self.gate.wait()
        meter(attempt(operation="moderation"))
        if self.result is None:
            return ModerationReport(away=True, detail="it is away")
        return self.terms.report([self.result])


def answers(sink: FakeSink) -> str:
    return "".join(event.text for event in sink.events if isinstance(event, Token))


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - of fakes that know no events
            await asyncio.sleep(0)


async def test_nothing_is_heard_before_the_word_and_nothing_of_a_refused_answer_after_it() -> None:
    gate, sink, chat, cache, memory = asyncio.Event(), FakeSink(), FakeChat(), FakeCache(), FakeMemory()  # fmt: skip
    moderator = FakeModerator(gate=gate)
    parts = ports(moderator=moderator, chat=chat, cache=cache, memory=memory)
    running = asyncio.create_task(Engine(parts).answer(replace(turn(), first=False), sink))
    await until(lambda: chat.closed)  # the answer is whole, and waits
    assert sink.events == []
    assert sink.deferred == []
    gate.set()
    answer = await running
    await sink.settle()

    assert [type(event) for event in sink.events] == [Decided, Token]
    assert answer.decision.action is Action.REFUSE
    assert answer.content == answers(sink)
    assert "light scatters" not in answer.content
    assert answer.guard == GuardReport("block", 0.0, ("moderation_violence",))
    assert answer.finish_reason == "content_filter"
    assert (cache.stored, memory.said) == ([], [])
    assert "moderate" in sink.steps


async def test_a_refusal_cancels_the_answer_that_is_under_way() -> None:
    gate, chat = asyncio.Event(), FakeChat(gate=asyncio.Event())
    parts = ports(moderator=FakeModerator(gate=gate), chat=chat)
    running = asyncio.create_task(Engine(parts).answer(turn(), FakeSink()))
    await until(chat.waiting.is_set)
    gate.set()
    answer = await running

    assert answer.decision.refused
    assert chat.closed


async def test_a_prompt_that_passes_is_heard_and_kept() -> None:
    sink, cache = FakeSink(), FakeCache()
    answer = await Engine(ports(moderator=FakeModerator(CLEAN), cache=cache)).answer(turn(), sink)
    await sink.settle()

    assert answers(sink) == answer.content == "Because light scatters."
    assert answer.guard.verdict == "pass"
    assert [kept.content for kept in cache.stored] == [answer.content]


async def test_an_answer_streams_from_the_word_on() -> None:
    word, rest, sink = asyncio.Event(), asyncio.Event(), FakeSink()
    chat = FakeChat(gate=rest)
    parts = ports(moderator=FakeModerator(CLEAN, gate=word), chat=chat)
    running = asyncio.create_task(Engine(parts).answer(turn(), sink))
    await chat.waiting.wait()
    assert sink.events == []
    word.set()
    await until(lambda: answers(sink) == "Because light scatters.")
    assert not running.done()
    rest.set()

    assert (await running).content == answers(sink)


@pytest.mark.parametrize("late", [True, False])
async def test_the_decision_tells_of_a_hit_that_flags(late: bool) -> None:
    word, choice, sink = asyncio.Event(), asyncio.Event(), FakeSink()
    terms, chat = ModerationTerms(frozenset({"illicit"})), FakeChat(gate=choice)
    parts = ports(moderator=FakeModerator(terms=terms, gate=word), chat=chat)
    if not late:
        word.set()
        choice.set()
    running = asyncio.create_task(Engine(parts).answer(turn(), sink))
    if late:
        await chat.waiting.wait()
        word.set()
        choice.set()
    await running
    (decided,) = [event for event in sink.events if isinstance(event, Decided)]

    assert decided.guard.signals == ("moderation_violence",)


async def test_a_stored_answer_waits_for_the_word() -> None:
    hit = CachedAnswer(CacheFacts("exact", 1.0), "Known.", "openai", "gpt", "general", 7)
    gate, sink = asyncio.Event(), FakeSink()
    parts = ports(moderator=FakeModerator(gate=gate), cache=FakeCache(exact=hit))
    running = asyncio.create_task(Engine(parts).answer(turn(), sink))
    await asyncio.wait({running}, timeout=0.05)
    assert sink.events == []
    gate.set()

    assert (await running).decision.refused
    assert "Known." not in answers(sink)


async def test_a_hit_that_flags_delays_nothing_and_keeps_the_answer_from_others() -> None:
    gate, sink, cache = asyncio.Event(), FakeSink(), FakeCache()
    parts = ports(moderator=FakeModerator(terms=FLAGS, gate=gate), cache=cache)
    running = asyncio.create_task(Engine(parts).answer(turn(), sink))
    await until(lambda: answers(sink) == "Because light scatters.")
    gate.set()
    answer = await running
    await sink.settle()

    assert answer.guard == GuardReport("flag", 0.0, ("moderation_violence",))
    assert cache.stored == []


class NoFollowing(LedFlight):
    def follow(self, leader: Leader) -> Any:
        raise AssertionError("a flagged prompt follows nobody")


@pytest.mark.parametrize("terms", [FLAGS, ModerationTerms()])
async def test_a_prompt_with_a_hit_follows_no_flight(terms: ModerationTerms) -> None:
    parts = ports(moderator=FakeModerator(terms=terms), single_flight=NoFollowing("stop"))
    answer = await Engine(parts).answer(turn(), FakeSink())

    assert answer.guard.signals == ("moderation_violence",)


async def test_what_the_guard_blocks_is_shown_to_no_provider() -> None:
    moderator = FakeModerator()
    blocked = FakeGuard(GuardReport("block", 0.95, ("prompt_leak",)))
    answer = await Engine(ports(moderator=moderator, guard=blocked)).answer(turn(), FakeSink())

    assert moderator.asked == []
    assert answer.guard.signals == ("prompt_leak",)


@pytest.mark.parametrize("terms", [FLAGS, ModerationTerms()])
async def test_a_provider_that_is_away_flags(terms: ModerationTerms) -> None:
    sink, cache = FakeSink(), FakeCache()
    parts = ports(moderator=FakeModerator(None, terms), cache=cache)
    answer = await Engine(parts).answer(turn(), sink)
    await sink.settle()

    assert (answer.guard.verdict, answer.guard.signals) == ("flag", ("moderation_away",))
    assert sink.degraded == ["moderation"]
    assert answers(sink) == "Because light scatters."
    assert cache.stored == []


@pytest.mark.parametrize("refuses", [frozenset[str](), frozenset({"all"})])
async def test_a_word_that_is_required_and_missing_ends_the_run(refuses: frozenset[str]) -> None:
    sink, terms = FakeSink(), ModerationTerms(refuses, required=True)
    with pytest.raises(ModerationUnavailable, match="it is away"):
        await Engine(ports(moderator=FakeModerator(None, terms))).answer(turn(), sink)

    assert sink.events == []


async def test_a_run_that_fails_or_is_stopped_leaves_no_call_behind() -> None:
    failing, gate = FakeChat(events=()), asyncio.Event()
    with pytest.raises(NoProviderAvailable):
        await Engine(ports(moderator=FakeModerator(gate=gate), chat=failing)).answer(
            turn(), FakeSink()
        )
    chat = FakeChat(gate=asyncio.Event())
    parts = ports(moderator=FakeModerator(gate=gate), chat=chat)
    running = asyncio.create_task(Engine(parts).answer(turn(), FakeSink()))
    await until(chat.waiting.is_set)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert chat.closed
    assert [task for task in asyncio.all_tasks() if task.get_name() == "moderation"] == []


async def test_a_prompt_whose_word_was_not_waited_for_has_not_passed() -> None:
    moderation = Moderation(FakeModerator(CLEAN, FLAGS, gate=asyncio.Event()), FakeSink())
    moderation.start(turn(), GuardReport("pass"))
    assert not moderation.passed
    await moderation.close()

    assert not moderation.passed


class Painter(FakeImageTool):
    def __init__(self) -> None:
        self.drawn: list[str] = []

    async def draw(
        self, turn: Turn, candidates: Sequence[ModelRef], meter: Meter
    ) -> tuple[Picture, ModelRef]:
        self.drawn.append(turn.prompt)
        return await super().draw(turn, candidates, meter)

    async def draw_all(self, turn: Turn, *_: Any) -> tuple[Sequence[Picture], ModelRef]:
        self.drawn.append(turn.prompt)
        return [Picture("http://x/1", turn.prompt, 4, 4, None)], PAINTER


@pytest.mark.parametrize("result", [HIT, CLEAN, None])
async def test_a_picture_is_drawn_after_the_word(result: ModerationResult | None) -> None:
    gate, tool = asyncio.Event(), Painter()
    parts = ports(
        moderator=FakeModerator(result, gate=gate),
        classifier=FakeClassifier("draw"),
        image_tool=tool,
    )
    running = asyncio.create_task(Engine(parts).answer(turn(), FakeSink()))
    await asyncio.wait({running}, timeout=0.05)
    assert tool.drawn == []
    gate.set()
    answer = await running

    assert answer.decision.refused is (result is HIT)
    assert len(tool.drawn) == (result is not HIT)


@pytest.mark.parametrize("terms", [FLAGS, ModerationTerms()])
async def test_pictures_that_are_asked_for(terms: ModerationTerms) -> None:
    tool, sink = Painter(), FakeSink()
    parts = ports(moderator=FakeModerator(terms=terms), image_tool=tool)
    task = PictureTask(requested_decision(RULES, PAINTER.name), [PAINTER], 1, {})
    answer, pictures = await draw_pictures(turn(), RULES, task, parts, sink)

    assert answer.guard.signals == ("moderation_violence",)
    assert answer.decision.refused is (terms is not FLAGS)
    assert len(pictures) == len(tool.drawn) == (terms is FLAGS)
