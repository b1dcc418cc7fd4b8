"""What a turn does: which nodes run, what listeners hear, what is written back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from conversations.engine.engine import Engine, build_graph, initial_state
from conversations.engine.events import Decided, Noticed, Reset, Token
from conversations.engine.ports import Context
from conversations.engine.types import Answer, CachedAnswer, CacheFacts, Turn
from conversations.models import new_id
from routing.domain.actions import Action
from routing.domain.errors import (
    CacheUnavailable,
    EmbedderUnavailable,
    MemoryUnavailable,
    ModelUnknown,
    NoProviderAvailable,
    ProviderRefused,
    ProviderUnavailable,
)
from routing.domain.guard import GuardReport
from routing.domain.llm import (
    AnsweringModel,
    ChatMessage,
    Completed,
    Continued,
    GenerationEvent,
    Shortened,
    Switched,
    TextDelta,
    Usage,
)
from routing.domain.rules import Source, StaysTrue
from tests.fakes import (
    CLAUDE,
    GPT,
    RULES,
    FakeCache,
    FakeChat,
    FakeClassifier,
    FakeEmbedder,
    FakeGuard,
    FakeLinks,
    FakeMemory,
    FakeRules,
    FakeSink,
    ports,
    turn,
)


async def answered(asked: Turn, **parts: object) -> tuple[Answer, FakeSink]:
    sink = FakeSink()
    answer = await Engine(ports(**parts)).answer(asked, sink)
    await sink.settle()
    return answer, sink


def spoken(sink: FakeSink) -> str:
    return "".join(event.text for event in sink.events if isinstance(event, Token))


def cached(outcome: str = "exact") -> CachedAnswer:
    facts = CacheFacts(outcome, 0.97, new_id())  # type: ignore[arg-type]
    return CachedAnswer(facts, "As before. " * 60, "openai", "gpt", "general", 6)


async def test_a_fresh_question_is_classified_generated_and_remembered() -> None:
    memory, cache, links = FakeMemory(), FakeCache(), FakeLinks()
    answer, sink = await answered(turn(), memory=memory, cache=cache, links=links)

    assert answer.content == spoken(sink) == "Because light scatters."
    assert [type(event) for event in sink.events] == [Decided, Token, Token]
    assert sink.steps == [
        "guard",
        "lookup_answer",
        "classify",
        "generate",
        "remember",
    ]
    assert answer.decision.source is Source.CLASSIFIER
    assert answer.cache.outcome == "miss"
    assert [said.role for said in memory.said] == ["user", "assistant"]
    assert cache.stored == [answer]
    assert [(one.entry, one.content) for one in links.settled] == cache.signed != []


@pytest.mark.parametrize("where", ["exact", "similar"])
async def test_a_stored_answer_is_replayed_without_asking_anybody(where: str) -> None:
    classifier, chat, cache = FakeClassifier(), FakeChat(), FakeCache(**{where: cached()})  # type: ignore[arg-type]
    answer, sink = await answered(turn(), classifier=classifier, chat=chat, cache=cache)

    assert answer.content == spoken(sink) == cached().content
    assert sum(isinstance(event, Token) for event in sink.events) > 1
    assert answer.decision.source is Source.CACHE
    assert (answer.decision.model, answer.decision.ruleset) == ("gpt", 6)
    assert classifier.asked == []
    assert chat.candidates == ()
    assert cache.stored == []


@pytest.mark.parametrize(
    ("stored", "steps"),
    [
        (True, [["guard"]]),
        (False, [["guard"], ["generate"]]),
    ],
)
async def test_a_step_of_the_graph_asks_one_model_at_most(
    stored: bool, steps: list[list[str]]
) -> None:
    asked, made = turn(), ports(cache=FakeCache(exact=cached() if stored else None))
    state = initial_state(asked, RULES)
    context = Context(made, FakeSink())
    updates = build_graph().astream(state, context=context, stream_mode="updates")

    assert [[*update] async for update in updates] == steps


async def test_the_system_prompt_and_the_memory_come_before_the_prompt() -> None:
    memory = FakeMemory([ChatMessage("user", "I am Ada."), ChatMessage("assistant", "Hello Ada.")])
    chat = FakeChat()
    await answered(turn("Who am I?", first=False), memory=memory, chat=chat)

    assert [message.content for message in chat.messages] == [
        "Be brief.",
        "I am Ada.",
        "Hello Ada.",
        "Who am I?",
    ]


async def test_a_rule_has_its_own_prompt_and_numbers() -> None:
    asked = [
        replace(rule, system_prompt="In verse.", temperature=0.1, max_tokens=90)
        for rule in RULES.rules
    ]
    chat = FakeChat()
    rules = FakeRules(replace(RULES, rules=tuple(asked)))
    await answered(turn("Why?"), rules=rules, chat=chat)

    assert chat.messages[0].content == "Be brief.\n\nIn verse."
    assert {(model.temperature, model.max_output_tokens) for model in chat.candidates} == {
        (0.1, 90)
    }


@pytest.mark.parametrize(
    ("classifier", "looked_up"),
    [
        (FakeClassifier(), "And why is it red?"),
        (FakeClassifier(self_contained=False, standalone="Why is Mars red?"), "Why is Mars red?"),
    ],
    ids=["self-contained", "rewritten"],
)
async def test_a_follow_up_is_looked_up_once_it_is_known_what_it_means(
    classifier: FakeClassifier, looked_up: str
) -> None:
    cache, chat = FakeCache(exact=cached()), FakeChat()
    asked = turn("And why is it red?", first=False)
    answer, sink = await answered(asked, cache=cache, classifier=classifier, chat=chat)

    assert cache.looked_up == looked_up
    assert classifier.asked == ["And why is it red?"]
    assert answer.decision.source is Source.CACHE
    assert answer.content == spoken(sink) == cached().content
    assert chat.candidates == ()
    assert cache.stored == []


@pytest.mark.parametrize(
    "classifier",
    [
        FakeClassifier(self_contained=False),
        FakeClassifier(rule="secret"),
        FakeClassifier(source=Source.DEFAULT),
        FakeClassifier(stays_true=StaysTrue.NEVER),
    ],
    ids=["of no meaning alone", "its rule keeps nothing", "nobody classified", "wrong at once"],
)
async def test_other_follow_ups_bypass_the_cache(classifier: FakeClassifier) -> None:
    cache = FakeCache(exact=cached(), similar=cached("semantic"))
    answer, _ = await answered(turn(first=False), cache=cache, classifier=classifier)

    assert cache.asked == []
    assert answer.cache.outcome == "bypass"
    assert cache.stored == []


async def test_a_follow_up_that_is_no_hit_is_answered_and_not_kept() -> None:
    cache = FakeCache()
    answer, _ = await answered(turn(first=False), cache=cache)

    assert cache.asked == ["exact", "similar"]
    assert answer.cache.outcome == "miss"
    assert cache.stored == []


@pytest.mark.parametrize(
    ("parts", "asked"),
    [
        ({"classifier": FakeClassifier(self_contained=False)}, {}),
        ({"classifier": FakeClassifier(stays_true=StaysTrue.NEVER)}, {}),
        ({"classifier": FakeClassifier(source=Source.DEFAULT)}, {}),
        ({"classifier": FakeClassifier(rule="secret")}, {}),
        ({"guard": FakeGuard(GuardReport("flag", 0.4))}, {}),
        ({"chat": FakeChat([TextDelta("Half"), Completed(GPT, "length", Usage())])}, {}),
        ({"chat": FakeChat([TextDelta("All?"), Completed(GPT, "other", Usage())])}, {}),
        ({"embedder": FakeEmbedder(error=EmbedderUnavailable())}, {}),
        ({}, {"requested_model": "gpt"}),
    ],
    ids=[
        "follow-up",
        "wrong at once",
        "default",
        "never",
        "flagged",
        "cut off",
        "ended by an unknown word",
        "no vector",
        "requested",
    ],
)
async def test_what_must_not_be_reused_is_not_stored(
    parts: dict[str, object], asked: dict[str, object]
) -> None:
    cache = FakeCache()
    await answered(turn(**asked), cache=cache, **parts)  # type: ignore[arg-type]

    assert cache.stored == []


async def test_a_refusal_asks_nobody_and_offers_two_ways_on() -> None:
    chat, memory = FakeChat(), FakeMemory()
    classifier = FakeClassifier(rule="no")
    answer, sink = await answered(turn(), classifier=classifier, chat=chat, memory=memory)

    assert answer.decision.refused
    assert answer.content == spoken(sink)
    assert answer.content.startswith("I can't help with that.")
    assert answer.content.count("\n- ") == 2
    assert chat.candidates == ()
    assert memory.said == []


async def test_a_blocked_prompt_reaches_no_provider() -> None:
    classifier, cache = FakeClassifier(), FakeCache()
    guard = FakeGuard(GuardReport("block", 0.99, ("override",)))
    answer, sink = await answered(turn(), guard=guard, classifier=classifier, cache=cache)

    assert answer.decision.refused
    assert answer.guard.verdict == "block"
    assert classifier.asked == cache.asked == []
    assert sink.steps == ["guard"]


async def test_a_picture_is_drawn_and_decided_before_it_is_there() -> None:
    answer, sink = await answered(turn("a cat"), classifier=FakeClassifier(rule="draw"))

    assert answer.decision.action is Action.IMAGE
    assert answer.image is not None
    assert answer.usage == Usage(3, 5)
    assert [type(event) for event in sink.events] == [Decided, Token]
    assert answer.content == spoken(sink) == "a cat"


async def test_a_named_model_skips_lookup_and_classification() -> None:
    classifier, cache, chat = FakeClassifier(), FakeCache(exact=cached()), FakeChat()
    answer, _ = await answered(
        turn(requested_model="claude"), classifier=classifier, cache=cache, chat=chat
    )

    assert answer.decision.source is Source.REQUESTED
    assert chat.candidates[0] == CLAUDE
    assert chat.candidates[-1] == GPT  # the default's model, should Claude fail
    assert classifier.asked == cache.asked == []
    assert answer.cache.outcome == "bypass"


async def test_an_unknown_model_is_an_error() -> None:
    with pytest.raises(ModelUnknown):
        await answered(turn(requested_model="hal"))


async def test_failover_before_the_first_token_is_invisible_but_told() -> None:
    chat = FakeChat(
        [
            Switched(GPT, CLAUDE, "provider_error", discard=False),
            AnsweringModel(CLAUDE),
            TextDelta("Hello"),
            Completed(CLAUDE, "stop", Usage()),
        ]
    )
    answer, sink = await answered(turn(), chat=chat)

    assert [type(event) for event in sink.events] == [Decided, Token]
    told = sink.events[0]
    assert isinstance(told, Decided)
    assert told.decision == answer.decision
    assert (told.decision.model, told.decision.fallback) == ("claude", True)


async def test_failover_after_the_first_token_resets_and_is_not_reused() -> None:
    chat, cache = (
        FakeChat(
            [
                AnsweringModel(GPT),
                TextDelta("Half an ans"),
                Switched(GPT, CLAUDE, "provider_error", discard=True),
                AnsweringModel(CLAUDE),
                TextDelta("Whole."),
                Completed(CLAUDE, "stop", Usage()),
            ]
        ),
        FakeCache(),
    )
    answer, sink = await answered(turn(), chat=chat, cache=cache)

    assert answer.content == "Whole."
    assert [type(event) for event in sink.events] == [Decided, Token, Reset, Noticed, Token]
    assert answer.decision.model == "claude"
    assert cache.stored == []


async def test_a_continued_answer_keeps_its_text_is_told_and_not_reused() -> None:
    chat, cache = (
        FakeChat(
            [
                AnsweringModel(GPT),
                TextDelta("Half an "),
                Continued(GPT, "provider_error"),
                AnsweringModel(GPT),
                TextDelta("answer."),
                Completed(GPT, "stop", Usage()),
            ]
        ),
        FakeCache(),
    )
    answer, sink = await answered(turn(), chat=chat, cache=cache)

    assert answer.content == spoken(sink) == "Half an answer."
    assert [type(event) for event in sink.events] == [Decided, Token, Noticed, Token]
    assert cache.stored == []


async def test_a_shortened_conversation_is_told_after_the_decision() -> None:
    chat = FakeChat(
        [
            Shortened(GPT, dropped=4),
            AnsweringModel(GPT),
            TextDelta("Hello"),
            Completed(GPT, "stop", Usage()),
        ]
    )
    _, sink = await answered(turn(first=False), chat=chat)

    assert [type(event) for event in sink.events] == [Decided, Noticed, Token]
    notice = sink.events[1]
    assert isinstance(notice, Noticed)
    assert notice.code == "context_shortened"
    assert "4 oldest" in notice.detail


@pytest.mark.parametrize("begun", [False, True])
async def test_a_providers_refusal_is_a_kind_one_and_all_of_the_answer(begun: bool) -> None:
    said: list[GenerationEvent] = [Switched(GPT, CLAUDE, "provider_error", discard=begun)]
    if begun:
        said = [AnsweringModel(GPT), TextDelta("Half"), *said]
    memory, cache = FakeMemory(), FakeCache()
    chat = FakeChat(said)
    chat.error = NoProviderAvailable([ProviderUnavailable("gpt"), ProviderRefused("claude")])
    answer, sink = await answered(turn(), chat=chat, memory=memory, cache=cache)

    assert answer.decision.refused
    assert answer.finish_reason == "content_filter"
    assert answer.content.count("\n- ") == 2
    last = sink.events[-1]
    assert last == Token(answer.content)
    assert memory.said == []
    assert cache.stored == []


async def test_when_nobody_speaks_after_a_break_the_text_so_far_is_kept() -> None:
    half: list[GenerationEvent] = [
        AnsweringModel(GPT),
        TextDelta("Half"),
        Switched(GPT, CLAUDE, "provider_error", discard=True),
    ]
    sink, chat = FakeSink(), FakeChat(half, error=NoProviderAvailable(()))
    with pytest.raises(NoProviderAvailable):
        await Engine(ports(chat=chat)).answer(turn(), sink)

    assert [type(event) for event in sink.events] == [Decided, Token]
    assert spoken(sink) == "Half"


async def test_when_nobody_answers_all_causes_are_told() -> None:
    with pytest.raises(NoProviderAvailable):
        await answered(turn(), chat=FakeChat(()))


@pytest.mark.parametrize(
    ("first", "missed"),
    [(True, {"answer_cache"}), (False, {"answer_cache", "memory"})],
    ids=["first", "later"],
)
async def test_redis_away_costs_reuse_and_memory_but_not_the_answer(
    first: bool, missed: set[str]
) -> None:
    answer, sink = await answered(
        turn(first=first),
        cache=FakeCache(error=CacheUnavailable("down")),
        memory=FakeMemory(error=MemoryUnavailable("down")),
    )

    assert answer.content == "Because light scatters."
    assert set(sink.degraded) == missed


@pytest.mark.parametrize("first", [True, False])
async def test_a_first_answer_that_may_not_serve_again_is_not_kept_in_mind(first: bool) -> None:
    memory = FakeMemory()
    answer, sink = await answered(turn(first=first, requested_model="gpt"), memory=memory)

    assert answer.content == "Because light scatters."
    assert ("remember" in sink.steps) is not first
    assert bool(memory.said) is not first


async def test_cancelling_a_turn_closes_the_provider_call() -> None:
    chat = FakeChat(gate=asyncio.Event())
    sink = FakeSink()
    task = asyncio.create_task(Engine(ports(chat=chat)).answer(turn(), sink))
    await chat.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert chat.closed
    assert "generate" in sink.steps
