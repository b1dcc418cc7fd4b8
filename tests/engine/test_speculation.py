"""Speculation: a model that is asked ahead of the decision, and what is seen, kept and metered of its call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from conversations.engine.engine import Engine
from conversations.engine.events import Decided, Token
from conversations.engine.types import Answer, Speculated, Step, Turn, Vector
from routing.domain.errors import NoProviderAvailable
from routing.domain.guard import GuardReport
from routing.domain.llm import (
    AnsweringModel,
    Attempt,
    ChatMessage,
    ClassifierResult,
    Completed,
    GenerationEvent,
    TextDelta,
    Usage,
)
from routing.domain.rules import Decision, RuleSet, Source
from routing.domain.vectors import VectorOpinion
from tests.engine.test_turns import spoken
from tests.fakes import (
    GPT,
    RULES,
    FakeChat,
    FakeClassifier,
    FakeGuard,
    FakeMemory,
    FakeRules,
    FakeSink,
    ports,
    turn,
)

pytestmark = pytest.mark.pure
GENERAL = Decision(
    RULES.rules[0].action, Source.CLASSIFIER, "openai", "gpt", "general", "asked ahead", 7
)


@dataclass
class Guesses:
    said: Decision | None = GENERAL
    allowed: bool = True
    learned: list[str | None] = field(default_factory=list)
    asked: int = 0

    def allows(self, rules: RuleSet) -> bool:
        return self.allowed

    async def guess(
        self, turn: Turn, rules: RuleSet, vector: Vector | None, opinion: VectorOpinion | None
    ) -> Decision | None:
        self.asked += 1
        return self.said

    def learn(self, rules: RuleSet, decision: Decision) -> None:
        self.learned.append(decision.rule)


@dataclass
class Waiting(FakeClassifier):
    """Decides once ``decided`` is set; ``told`` is what the listeners had heard until then."""

    decided: asyncio.Event = field(default_factory=asyncio.Event)

    async def classify(self, *args: Any, **kwargs: Any) -> ClassifierResult:
        await self.decided.wait()
        return await super().classify(*args, **kwargs)


@dataclass
class Chats:
    """Hands each call to a ``FakeChat`` of its own, in order."""

    calls: list[FakeChat]
    made: int = 0

    def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[GenerationEvent, None]:
        self.made += 1
        return self.calls[self.made - 1].stream(*args, **kwargs)


async def answer(
    classifier: FakeClassifier, chat: object, guesses: Guesses | None = None, **parts: object
) -> tuple[Answer, FakeSink]:
    """Answered, with the decision held back until the call ahead can go no further."""
    sink = FakeSink()
    guesses = guesses or Guesses()
    engine = Engine(ports(classifier=classifier, chat=chat, speculator=guesses, **parts))
    asked = asyncio.create_task(engine.answer(turn(), sink))
    if isinstance(classifier, Waiting):
        for _ in range(20):
            await asyncio.sleep(0)
        assert not sink.events, "nobody may see anything before the decision"
        classifier.decided.set()
    return await asked, sink


def ended(sink: FakeSink) -> list[Speculated]:
    return [record for record in sink.records if isinstance(record, Speculated)]


def operations(sink: FakeSink) -> list[tuple[str, str, str]]:
    attempts = [record for record in sink.records if isinstance(record, Attempt)]
    return [(one.operation, one.model, one.outcome) for one in attempts]


async def test_a_confirmed_call_is_the_answer() -> None:
    chats, guesses = Chats([FakeChat()]), Guesses()
    answered, sink = await answer(Waiting(), chats, guesses)
    assert answered.content == spoken(sink) == "Because light scatters."
    assert isinstance(sink.events[0], Decided)
    assert sink.events[0].decision.reason == "because"
    assert chats.made == 1
    assert [one.confirmed for one in ended(sink)] == [True]
    assert operations(sink) == [("classify", "gpt", "ok"), ("chat", "gpt", "ok")]
    assert guesses.learned == ["general"]


async def test_a_confirmed_call_goes_on_after_the_decision() -> None:
    gate, classifier = asyncio.Event(), Waiting()
    chat, sink = FakeChat(gate=gate), FakeSink()
    engine = Engine(ports(classifier=classifier, chat=chat, speculator=Guesses()))
    asked = asyncio.create_task(engine.answer(turn(), sink))
    await chat.waiting.wait()
    assert not sink.events
    classifier.decided.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert spoken(sink) == "Because light scatters."
    assert not asked.done()
    gate.set()
    assert (await asked).content == "Because light scatters."


async def test_a_call_that_is_not_confirmed_is_cancelled_and_metered_apart() -> None:
    ahead, right = FakeChat(gate=asyncio.Event()), FakeChat()
    ahead.events = (
        AnsweringModel(GPT),
        TextDelta("Secret words."),
        Completed(GPT, "stop", Usage(3, 5)),
    )
    classifier = Waiting(rule="reasoning")
    answered, sink = await answer(classifier, Chats([ahead, right]))
    assert ahead.closed
    assert answered.decision.model == "claude"
    assert "Secret" not in spoken(sink) + answered.content + repr(sink.events)
    assert [one.confirmed for one in ended(sink)] == [False]
    assert "speculate" in sink.steps
    assert answered.usage == Usage(3, 5)


async def test_the_cost_of_a_call_that_is_not_confirmed_is_noted_once() -> None:
    ahead = FakeChat()  # it is whole before the decision
    _, sink = await answer(Waiting(rule="reasoning"), Chats([ahead, FakeChat()]))
    assert operations(sink) == [
        ("classify", "gpt", "ok"),
        ("speculate", "gpt", "ok"),
        ("chat", "claude", "ok"),
    ]
    step = next(one for one in sink.records if isinstance(one, Step) and one.name == "speculate")
    assert [call.operation for call in step.attempts] == ["speculate"]


@pytest.mark.parametrize("rule", ["no", "draw"])
async def test_another_action_ends_the_call_before_it_begins(rule: str) -> None:
    ahead = FakeChat(gate=asyncio.Event())
    answered, sink = await answer(Waiting(rule=rule), Chats([ahead]))
    assert ahead.closed
    assert answered.decision.rule == rule
    assert [one.confirmed for one in ended(sink)] == [False]
    last = [one for one in sink.steps if one in {"speculate", "classify", "draw"}]
    assert last.index("speculate") < len(last) - 1


async def test_the_rules_own_prompt_is_part_of_the_call() -> None:
    own = replace(RULES.rules[1], model="gpt", fallbacks=("claude",), system_prompt="In verse.")
    rules = replace(RULES, rules=(RULES.rules[0], own))
    ahead, right = FakeChat(gate=asyncio.Event()), FakeChat()
    await answer(Waiting(rule="reasoning"), Chats([ahead, right]), rules=FakeRules(rules))
    assert ahead.closed
    assert "In verse." in right.messages[0].content


async def test_what_failed_ahead_fails_as_ever() -> None:
    with pytest.raises(NoProviderAvailable):
        await answer(Waiting(), Chats([FakeChat(events=())]))


async def test_a_failure_that_nobody_waited_for_is_no_failure() -> None:
    answered, sink = await answer(
        Waiting(rule="reasoning"), Chats([FakeChat(events=()), FakeChat()])
    )
    assert answered.content == spoken(sink) == "Because light scatters."


async def test_a_stopped_run_ends_the_call() -> None:
    ahead, classifier, sink = FakeChat(gate=asyncio.Event()), Waiting(), FakeSink()
    engine = Engine(ports(classifier=classifier, chat=ahead, speculator=Guesses()))
    asked = asyncio.create_task(engine.answer(turn(), sink))
    await ahead.waiting.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert ahead.closed
    assert [one.confirmed for one in ended(sink)] == [False]
    assert not [event for event in sink.events if isinstance(event, Token)]


async def test_a_stopped_run_ends_a_confirmed_call() -> None:
    chat, sink = FakeChat(gate=asyncio.Event()), FakeSink()
    engine = Engine(ports(classifier=FakeClassifier(), chat=chat, speculator=Guesses()))
    asked = asyncio.create_task(engine.answer(turn(), sink))
    await chat.waiting.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert chat.closed


@pytest.mark.parametrize(
    "guesses", [Guesses(said=None), Guesses(allowed=False)], ids=["unlikely", "no budget"]
)
async def test_without_a_guess_nothing_is_asked_ahead(guesses: Guesses) -> None:
    chats = Chats([FakeChat()])
    answered, sink = await answer(Waiting(), chats, guesses)
    assert chats.made == 1
    assert not ended(sink)
    assert answered.content == "Because light scatters."


async def test_nothing_is_asked_ahead_about_a_flagged_prompt() -> None:
    guesses = Guesses()
    guard = FakeGuard(GuardReport("flag", signals=("override",)))
    _, sink = await answer(Waiting(), Chats([FakeChat()]), guesses, guard=guard)
    assert guesses.asked == 0
    assert not ended(sink)


async def test_a_follow_up_is_asked_ahead_with_its_memory() -> None:
    memory = FakeMemory([ChatMessage("user", "Hello"), ChatMessage("assistant", "Hi.")])
    chat, sink = FakeChat(), FakeSink()
    engine = Engine(
        ports(classifier=FakeClassifier(), chat=chat, speculator=Guesses(), memory=memory)
    )
    await engine.answer(turn(first=False), sink)
    assert [message.content for message in chat.messages] == [
        "Be brief.", "Hello", "Hi.", "Why is the sky blue?",
    ]  # fmt: skip
    assert [one.confirmed for one in ended(sink)] in ([True], [])
