"""Moderation of an answer: windows and their order, what a refusal leaves, a provider that is away, and the end of
all tasks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from conversations.engine import answer_moderation
from conversations.engine.answer_moderation import AT_ONCE, FIRST, MOST, MOST_WAITING, OVERLAP
from conversations.engine.engine import Engine
from conversations.engine.events import (
    Decided,
    Event,
    Finished,
    Logprobs,
    Noticed,
    Reset,
    Thought,
    Token,
    ToolCall,
)
from conversations.engine.model_call import ModelCall
from conversations.engine.speculation import Speculation
from conversations.engine.types import Leader, Step, Turn
from conversations.models import new_id
from routing.domain.actions import Action
from routing.domain.errors import (
    AssistantError,
    ModerationUnavailable,
    NoProviderAvailable,
    ProviderRefused,
    ProviderStreamBroken,
)
from routing.domain.guard import GuardReport
from routing.domain.llm import (
    AnsweringModel,
    Attempt,
    ChatMessage,
    ChatOptions,
    Completed,
    GenerationEvent,
    LogprobsDelta,
    Meter,
    Switched,
    TextDelta,
    ThoughtDelta,
    ToolCallDelta,
    Usage,
)
from routing.domain.moderation import ModerationReport, ModerationResult, ModerationTerms
from routing.domain.rules import ModelRef
from tests.engine.test_callers_chat import chat as callers_chat
from tests.engine.test_moderation import FakeModerator
from tests.engine.test_single_flight import LedFlight
from tests.fakes import (
    CLAUDE,
    GPT,
    FakeCache,
    FakeChat,
    FakeMemory,
    FakeSink,
    attempt,
    ports,
    turn,
)

pytestmark = pytest.mark.pure
HIT = ModerationResult(frozenset({"violence"}), {"violence": 0.9})
CLEAN = ModerationResult(frozenset(), {"violence": 0.1})
FLAGS, REFUSES = ModerationTerms(frozenset()), ModerationTerms()
REQUIRED = ModerationTerms(required=True)
BAD = "BOMB"
BEGIN, END = AnsweringModel(GPT), Completed(GPT, "stop", Usage(3, 5))


@dataclass
class ScriptedModerator:
    """Finds ``BAD`` in a text; is away for one with ``away``. ``gate`` holds its words back until it is opened, or
    one of ``gates``, in the order of the calls."""

    terms: ModerationTerms = REFUSES
    away: str | None = None
    gate: asyncio.Event | None = None
    gates: dict[int, asyncio.Event] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: int = 0
    most: int = 0
    fault: Exception | None = None

    async def look(self, text: str, pictures: Sequence[str], meter: Meter) -> ModerationReport:
        self.asked.append(text)
        gate = self.gates.get(len(self.asked) - 1, self.gate)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if gate:
                await gate.wait()
        finally:
            self.now -= 1
            meter(attempt(operation="moderation"))
        if self.fault:
            raise self.fault
        if self.away is not None and self.away in text:
            return ModerationReport(away=True, detail="it is away")
        return self.terms.report([HIT if BAD in text else CLEAN])


@dataclass
class PacedChat(FakeChat):
    """Says its ``script`` piece by piece; where one is an ``Event`` of asyncio it waits for that. ``said`` counts them."""

    script: Sequence[GenerationEvent | asyncio.Event] = ()
    said: int = 0

    async def stream(
        self,
        candidates: Sequence[ModelRef],
        messages: Sequence[ChatMessage],
        meter: Meter,
        options: ChatOptions | None = None,
        *,
        shortens: bool = True,
    ) -> AsyncGenerator[GenerationEvent, None]:
        try:
            for event in self.script:
                if isinstance(event, asyncio.Event):
                    self.waiting.set()
                    await event.wait()
                    continue
                self.said += 1
                yield event
                await asyncio.sleep(0)  # others have a turn, as between the pieces of a socket
            if self.error:
                raise self.error
        finally:
            self.closed = True


def answering(judge: Any, *events: GenerationEvent | asyncio.Event, **parts: Any) -> Engine:
    chat = PacedChat(script=[BEGIN, *events, END], error=parts.pop("error", None))
    return Engine(ports(answer_moderator=judge, chat=chat, **parts))


def spoken(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def words(count: int) -> list[TextDelta]:
    """Pieces of ten characters."""
    return [TextDelta(f"word {number:04d} ") for number in range(count)]


def text_of(pieces: Sequence[TextDelta]) -> str:
    return "".join(piece.text for piece in pieces)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - of fakes that know no events
            await asyncio.sleep(0)


async def settled() -> None:
    """Let everything happen that can happen without an event from outside."""
    for _ in range(200):
        await asyncio.sleep(0)


def tasks() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows are judged by their length alone."""
    monkeypatch.setattr(answer_moderation, "PACE", 1e-6)


# Windows


async def test_the_windows_hold_the_whole_text_grow_and_overlap() -> None:
    pieces, moderator, sink = words(1_000), ScriptedModerator(), FakeSink()
    answer = await answering(moderator, *pieces).answer(turn(), sink)
    text = text_of(pieces)
    starts = [text.index(moderator.asked[0])]
    starts += [text.index(asked) + OVERLAP for asked in moderator.asked[1:]]
    lengths = [len(moderator.asked[0]), *(len(asked) - OVERLAP for asked in moderator.asked[1:])]

    assert spoken(sink.events) == answer.content == text
    assert (answer.guard, answer.finish_reason) == (GuardReport("pass"), "stop")
    assert lengths[:5] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, MOST]
    assert starts == [sum(lengths[:number]) for number in range(len(lengths))]
    assert sum(lengths) == len(text)


async def test_harm_across_a_cut_is_whole_in_the_next_window() -> None:
    before = "x" * (FIRST - 2) + BAD[:2]
    moderator = ScriptedModerator()
    answer = await answering(moderator, TextDelta(before), TextDelta(f"{BAD[2:]}!")).answer(
        turn(), FakeSink()
    )

    assert moderator.asked == [before, f"{before}{BAD[2:]}!"]
    assert answer.finish_reason == "content_filter"
    assert answer.content == before


async def test_nothing_is_heard_before_its_word_and_the_order_is_kept() -> None:
    gates, sink = {number: asyncio.Event() for number in range(3)}, FakeSink()
    moderator, pieces = ScriptedModerator(gates=gates), words(FIRST * 7 // 10)
    running = asyncio.create_task(answering(moderator, *pieces).answer(turn(), sink))
    await until(lambda: len(moderator.asked) == 3)
    gates[1].set()
    gates[2].set()
    await settled()
    assert kinds(sink.events) == [Decided]
    gates[0].set()
    answer = await running

    assert spoken(sink.events) == answer.content == text_of(pieces)


async def test_the_first_window_is_heard_while_the_answer_goes_on() -> None:
    rest, sink = asyncio.Event(), FakeSink()
    pieces = words(FIRST // 10)
    engine = answering(ScriptedModerator(), *pieces, rest, TextDelta("The end."))
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: spoken(sink.events) == text_of(pieces))
    assert not running.done()
    rest.set()

    assert (await running).content == text_of(pieces) + "The end."


async def test_a_slow_model_is_heard_before_its_window_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_moderation, "PACE", math.inf)
    rest, sink = asyncio.Event(), FakeSink()
    running = asyncio.create_task(
        answering(ScriptedModerator(), TextDelta("Because"), rest).answer(turn(), sink)
    )
    await until(lambda: spoken(sink.events) == "Because")
    rest.set()
    await running


async def test_few_calls_at_once_and_bounded_text_in_wait() -> None:
    gate, sink = asyncio.Event(), FakeSink()
    pieces, moderator = words(4_000), ScriptedModerator(gate=gate)
    engine = answering(moderator, *pieces)
    running = asyncio.create_task(engine.answer(turn(), sink))
    await settled()
    chat: Any = engine.ports.chat
    await until(lambda: 10 * chat.said > MOST_WAITING)
    await settled()

    assert 10 * chat.said < MOST_WAITING + 100
    assert moderator.most == AT_ONCE
    assert spoken(sink.events) == ""
    gate.set()
    assert (await running).content == spoken(sink.events) == text_of(pieces)
    assert moderator.most == AT_ONCE


async def test_a_call_ahead_of_the_decision_waits_for_room_too() -> None:
    chat, full, open_door = PacedChat(script=[BEGIN, *words(50)]), asyncio.Event(), asyncio.Event()
    ahead, taken, call = Speculation(), list[GenerationEvent](), ModelCall((GPT,), (), None, "")

    async def guess() -> ModelCall:
        return call

    async def room() -> None:
        full.set()
        await open_door.wait()

    ahead.start(chat, guess)
    await until(lambda: chat.said > 3)
    assert await ahead.confirm(call, FakeSink())
    passing = asyncio.create_task(ahead.pass_on(taken.append, list[Attempt]().append, room))
    await full.wait()
    await settled()
    assert len(taken) == 1
    assert chat.said < 10
    open_door.set()
    await passing

    assert taken == [BEGIN, *words(50)]


async def test_blank_and_odd_pieces() -> None:
    moderator, sink = ScriptedModerator(), FakeSink()
    answer = await answering(moderator, TextDelta("\n"), TextDelta("x" * 50_000)).answer(
        turn(), sink
    )

    assert [len(asked) for asked in moderator.asked] == [50_001]
    assert answer.content == spoken(sink.events)


# A refusal


async def test_a_refused_window_ends_the_answer_and_closes_the_stream() -> None:
    sink, cache, memory = FakeSink(), FakeCache(), FakeMemory()
    good, never = words(FIRST // 10), asyncio.Event()
    bad = [TextDelta(BAD), *words(2 * FIRST // 10)]
    engine = answering(ScriptedModerator(), *good, *bad, never, cache=cache, memory=memory)
    answer = await engine.answer(replace(turn(), first=False), sink)
    await sink.settle()
    chat: Any = engine.ports.chat

    assert chat.closed
    assert answer.content == spoken(sink.events) == text_of(good)
    assert (answer.finish_reason, answer.decision.action) == ("content_filter", Action.ANSWER)
    assert answer.guard == GuardReport("block", 0.0, ("output_moderation_violence",))
    assert [event.code for event in sink.events if isinstance(event, Noticed)] == ["answer_cut"]
    assert cache.stored == []
    assert [said.content for said in memory.said] == ["Why is the sky blue?", text_of(good)]
    assert not tasks()


async def test_later_windows_that_pass_are_not_heard_after_a_refused_one() -> None:
    gates, sink = {0: asyncio.Event()}, FakeSink()
    moderator = ScriptedModerator(gates=gates)
    pieces = [TextDelta(BAD), *words(FIRST)]
    running = asyncio.create_task(answering(moderator, *pieces).answer(turn(), sink))
    await until(lambda: len(moderator.asked) == 3)
    await settled()
    gates[0].set()
    await running

    assert "word" not in spoken(sink.events)


@pytest.mark.parametrize("told", [False, True])
async def test_an_answer_of_which_nothing_passes_is_a_refusal(told: bool) -> None:
    sink, cache, rest = FakeSink(), FakeCache(), asyncio.Event()
    middle = [rest] if told else []
    engine = answering(ScriptedModerator(), TextDelta(BAD), *middle, cache=cache)
    running = asyncio.create_task(engine.answer(turn(), sink))
    if told:
        await until(lambda: sink.events)
        rest.set()
    answer = await running
    await sink.settle()

    assert answer.decision.action is Action.REFUSE
    assert answer.content == spoken(sink.events)
    assert answer.content.startswith("I can't show an answer to this")
    assert (answer.finish_reason, answer.guard.verdict) == ("content_filter", "block")
    assert [event.code for event in sink.events if isinstance(event, Noticed)] == ["answer_refused"]
    assert cache.stored == []


async def test_an_answer_of_which_blanks_alone_pass_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_moderation, "PACE", 1e6)
    sink, rest = FakeSink(), asyncio.Event()
    engine = answering(ScriptedModerator(), TextDelta("\n\n"), rest, TextDelta(BAD))
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: spoken(sink.events))
    rest.set()
    answer = await running

    assert answer.decision.refused
    assert answer.content == spoken(sink.events)
    assert answer.content.startswith("\n\nI can't show an answer to this")


async def test_thoughts_are_judged_and_what_a_refused_answer_thought_stays_unheard() -> None:
    sink = FakeSink()
    answer = await answering(
        ScriptedModerator(), ThoughtDelta(f"They want a {BAD}."), TextDelta("Sure.")
    ).answer(turn(), sink)

    assert answer.decision.refused
    assert not any(isinstance(event, Thought) for event in sink.events)
    assert "Sure." not in spoken(sink.events)


async def test_the_first_words_after_long_thoughts_do_not_wait_for_a_long_window() -> None:
    sink, moderator, pieces = FakeSink(), ScriptedModerator(), words(FIRST // 10)
    thoughts = [ThoughtDelta("a thought ") for _ in range(500)]
    engine = answering(moderator, *thoughts, *pieces, asyncio.Event())
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: spoken(sink.events))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert spoken(sink.events) == text_of(pieces)
    assert moderator.asked[-1].endswith(f"\n{text_of(pieces)}")


async def test_a_word_does_not_hide_at_the_end_of_the_thoughts() -> None:
    moderator = ScriptedModerator()
    await answering(moderator, ThoughtDelta("So"), TextDelta("Because")).answer(turn(), FakeSink())

    assert moderator.asked == ["\nSo\nBecause"]


async def test_log_probabilities_wait_with_their_text() -> None:
    sink, tokens = FakeSink(), ({"token": BAD},)
    await answering(ScriptedModerator(), LogprobsDelta(tokens), TextDelta(BAD)).answer(turn(), sink)
    assert not any(isinstance(event, Logprobs) for event in sink.events)

    sink = FakeSink()
    await answering(ScriptedModerator(), LogprobsDelta(tokens), TextDelta("Hi")).answer(
        turn(), sink
    )
    assert kinds(sink.events) == [Decided, Logprobs, Token]


async def test_arguments_of_calls_are_not_judged_and_keep_their_place() -> None:
    gate, rest, sink = asyncio.Event(), asyncio.Event(), FakeSink()
    moderator = ScriptedModerator(gate=gate)
    call = [ToolCallDelta(0, "call_1", "look"), ToolCallDelta(0, arguments=BAD)]
    engine = answering(moderator, TextDelta("Let me look."), *call, rest)
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: moderator.asked)  # a call ends the window
    await settled()
    assert kinds(sink.events) == [Decided]
    gate.set()
    await until(lambda: len(sink.events) == 4)
    rest.set()
    await running

    assert moderator.asked == ["Let me look."]
    assert kinds(sink.events) == [Decided, Token, ToolCall, ToolCall]


async def test_a_call_does_not_wait_for_the_text_after_it() -> None:
    word, sink = asyncio.Event(), FakeSink()
    call, rest = ToolCallDelta(0, "call_1", "look_up", "{}"), TextDelta("Then ")
    moderator = ScriptedModerator(gates={0: word})
    engine = answering(moderator, *words(FIRST // 10), call, rest, asyncio.Event())
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: moderator.asked)
    await settled()
    word.set()
    await settled()
    heard = kinds(sink.events)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert heard == [Decided, *[Token] * (FIRST // 10), ToolCall]


async def test_a_call_without_text_before_it_waits_for_nothing() -> None:
    moderator, rest, sink = ScriptedModerator(gate=asyncio.Event()), asyncio.Event(), FakeSink()
    engine = answering(moderator, ToolCallDelta(0, "call_1", "look"), rest)
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: kinds(sink.events) == [Decided, ToolCall])
    rest.set()

    assert (await running).finish_reason == "stop"
    assert moderator.asked == []


# A flag


async def test_a_flag_delays_nothing_and_keeps_the_answer_from_others() -> None:
    gate, sink, cache = asyncio.Event(), FakeSink(), FakeCache()
    moderator, pieces = ScriptedModerator(FLAGS, gate=gate), [*words(2_000), TextDelta(BAD)]
    running = asyncio.create_task(answering(moderator, *pieces, cache=cache).answer(turn(), sink))
    await until(lambda: spoken(sink.events) == text_of(pieces))
    assert moderator.most == AT_ONCE
    gate.set()
    answer = await running
    await sink.settle()

    assert answer.guard == GuardReport("flag", 0.0, ("output_moderation_violence",))
    assert (answer.content, answer.finish_reason) == (text_of(pieces), "stop")
    assert cache.stored == []


async def test_an_answer_that_passes_is_kept() -> None:
    for terms in (FLAGS, REFUSES, REQUIRED):
        sink, cache = FakeSink(), FakeCache()
        await answering(ScriptedModerator(terms), *words(100), cache=cache).answer(turn(), sink)
        await sink.settle()
        assert [kept.content for kept in cache.stored] == [text_of(words(100))]


class FlaggedLeader(LedFlight):
    """Its answer was flagged when it had streamed."""

    async def follow(self, leader: Leader) -> AsyncGenerator[Event, None]:
        async for event in super().follow(leader):
            yield _flagged(event) if isinstance(event, Finished) else event


def _flagged(end: Finished) -> Finished:
    guard = {"verdict": "flag", "signals": ["output_moderation_violence"]}
    return Finished({**end.message, "decision": {"guard": guard}})


async def test_a_flagged_answer_is_nobody_elses() -> None:
    sink = FakeSink()
    answer = await Engine(ports(single_flight=FlaggedLeader("stop"))).answer(turn(), sink)

    assert answer.content == "Because light scatters."
    assert any(isinstance(event, Reset) for event in sink.events)


# A provider that is away


@pytest.mark.parametrize("terms", [FLAGS, REFUSES])
async def test_a_provider_that_is_away_flags(terms: ModerationTerms) -> None:
    sink, cache, pieces = FakeSink(), FakeCache(), words(100)
    moderator = ScriptedModerator(terms, away="word 0030")
    answer = await answering(moderator, *pieces, cache=cache).answer(turn(), sink)
    await sink.settle()

    assert answer.guard == GuardReport("flag", 0.0, ("output_moderation_away",))
    assert spoken(sink.events) == text_of(pieces)
    assert set(sink.degraded) == {"moderation"}
    assert cache.stored == []


async def test_a_word_that_is_required_and_missing_ends_the_run() -> None:
    sink, pieces = FakeSink(), words(100)
    moderator, never = ScriptedModerator(REQUIRED, away="word 0030"), asyncio.Event()
    engine = answering(moderator, *pieces, never)
    with pytest.raises(ModerationUnavailable, match="it is away"):
        await engine.answer(turn(), sink)
    chat: Any = engine.ports.chat

    assert spoken(sink.events) == text_of(pieces[: FIRST // 10])
    assert chat.closed
    assert not tasks()


async def test_a_fault_of_the_moderator_ends_the_run() -> None:
    engine = answering(ScriptedModerator(fault=ValueError("a bug")), *words(30), asyncio.Event())
    with pytest.raises(ValueError, match="a bug"):
        await engine.answer(turn(), FakeSink())

    assert not tasks()


# Failover, stops


def switched() -> list[GenerationEvent]:
    return [
        Switched(GPT, CLAUDE, "provider_unavailable", discard=True),
        AnsweringModel(CLAUDE),
    ]


@pytest.mark.parametrize("asked", [turn(), turn(chat=callers_chat(streams=True, options={}))])
async def test_text_that_nobody_heard_is_dropped_and_the_next_model_has_clean_windows(
    asked: Turn,
) -> None:
    sink, moderator = FakeSink(), ScriptedModerator(gates={0: asyncio.Event()})
    first = [*words(FIRST // 10), TextDelta(BAD)]
    engine = answering(moderator, *first, *switched(), *words(FIRST // 10))
    answer = await engine.answer(asked, sink)

    assert answer.content == spoken(sink.events) == text_of(words(FIRST // 10))
    assert not any(isinstance(event, Reset) for event in sink.events)
    assert moderator.asked == [text_of(words(FIRST // 10))] * 2
    assert answer.guard.verdict == "pass"
    assert answer.decision.model == "claude"


@pytest.mark.parametrize("asked", [turn(), turn(chat=callers_chat(streams=True, options={}))])
async def test_a_word_after_the_switch_does_not_pass_on_text_of_the_model_that_broke_off(
    asked: Turn,
) -> None:
    word, first_text = asyncio.Event(), asyncio.Event()
    sink, moderator = FakeSink(), ScriptedModerator(gates={0: word})
    switch, begins = switched()
    engine = answering(moderator, *words(20), switch, first_text, begins, TextDelta("Anew."))
    running = asyncio.create_task(engine.answer(asked, sink))
    await until(lambda: moderator.asked)
    await settled()
    word.set()
    await settled()
    first_text.set()
    answer = await running

    assert answer.content == spoken(sink.events) == "Anew."
    assert not any(isinstance(event, Reset) for event in sink.events)


async def test_thoughts_of_the_next_model_are_heard() -> None:
    sink, (switch, begins) = FakeSink(), switched()
    engine = answering(
        ScriptedModerator(), *words(5), switch, ThoughtDelta("Anew?"), begins, TextDelta("Anew.")
    )
    answer = await engine.answer(turn(), sink)

    assert [event.text for event in sink.events if isinstance(event, Thought)] == ["Anew?"]
    assert answer.content == spoken(sink.events) == "Anew."


async def test_text_that_was_heard_is_reset() -> None:
    sink, moderator, rest = FakeSink(), ScriptedModerator(), asyncio.Event()
    engine = answering(
        moderator, *words(FIRST // 10), rest, TextDelta("rest"), *switched(), TextDelta("Anew.")
    )
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: spoken(sink.events))
    rest.set()
    answer = await running
    place = kinds(sink.events).index(Reset)

    assert spoken(sink.events[:place]) == text_of(words(FIRST // 10))
    assert spoken(sink.events[place:]) == answer.content == "Anew."
    assert moderator.asked[-1] == "Anew."


async def test_after_a_reset_nothing_of_the_next_model_was_heard() -> None:
    sink, rest = FakeSink(), asyncio.Event()
    engine = answering(ScriptedModerator(), *words(FIRST // 10), rest, *switched(), TextDelta(BAD))
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: spoken(sink.events))
    rest.set()
    answer = await running
    place = kinds(sink.events).index(Reset)

    assert answer.decision.refused
    assert spoken(sink.events[place:]) == answer.content


async def test_a_streaming_caller_that_heard_text_hears_no_other_model() -> None:
    sink, rest = FakeSink(), asyncio.Event()
    engine = answering(ScriptedModerator(), *words(FIRST // 10), rest, *switched())
    asked = turn(chat=callers_chat(streams=True, options={}))
    running = asyncio.create_task(engine.answer(asked, sink))
    await until(lambda: spoken(sink.events))
    rest.set()
    with pytest.raises(ProviderStreamBroken):
        await running

    assert not tasks()


async def test_a_failure_comes_after_the_text_before_it() -> None:
    sink, error = FakeSink(), NoProviderAvailable((ProviderStreamBroken("gpt", "cut"),))
    with pytest.raises(NoProviderAvailable):
        await failing(error, TextDelta("Because")).answer(turn(), sink)

    assert spoken(sink.events) == "Because"


async def test_a_refusal_of_the_models_provider_is_told() -> None:
    error = NoProviderAvailable((ProviderRefused("gpt", "declined"),))
    sink = FakeSink()
    answer = await failing(error, TextDelta("Because")).answer(turn(), sink)

    assert answer.decision.refused
    assert answer.content == spoken(sink.events)
    assert "Because" not in answer.content


def failing(error: AssistantError, *events: GenerationEvent) -> Engine:
    chat = PacedChat(script=[BEGIN, *events], error=error)
    return Engine(ports(answer_moderator=ScriptedModerator(), chat=chat))


async def test_a_stopped_run_leaves_no_task_and_no_unjudged_text() -> None:
    gate, sink = asyncio.Event(), FakeSink()
    moderator = ScriptedModerator(gates={1: gate, 2: gate})
    engine = answering(moderator, *words(FIRST), asyncio.Event())
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: len(moderator.asked) == 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    chat: Any = engine.ports.chat

    assert (moderator.now, chat.closed, tasks()) == (0, True, [])
    assert spoken(sink.events) == text_of(words(FIRST // 10))


async def test_the_prompts_refusal_ends_the_words_on_the_answer() -> None:
    word, sink = asyncio.Event(), FakeSink()
    answers = ScriptedModerator(gate=asyncio.Event())
    prompts = FakeModerator(gate=word)
    engine = answering(answers, *words(FIRST), asyncio.Event(), moderator=prompts)
    running = asyncio.create_task(engine.answer(turn(), sink))
    await until(lambda: answers.asked)
    word.set()
    answer = await running

    assert answer.guard.signals == ("moderation_violence",)
    assert kinds(sink.events) == [Decided, Token]
    assert not tasks()


async def test_a_flagged_prompt_does_not_soften_a_refused_answer() -> None:
    prompts = FakeModerator(terms=FLAGS)
    engine = answering(ScriptedModerator(), TextDelta(BAD), moderator=prompts)
    answer = await engine.answer(turn(), FakeSink())

    assert answer.guard.verdict == "block"
    assert set(answer.guard.signals) == {"output_moderation_violence", "moderation_violence"}


# Calls and traces


async def test_each_call_is_metered_beside_the_answer() -> None:
    sink, pieces = FakeSink(), words(100)
    answer = await answering(ScriptedModerator(), *pieces).answer(turn(), sink)
    calls = [record for record in sink.records if isinstance(record, Attempt)]
    (looked,) = [record for record in sink.records if isinstance(record, Step) and record.name == "moderate_answer"]  # fmt: skip

    assert [call.operation for call in calls].count("moderation") == 3
    assert len(looked.attempts) == 3
    assert looked.output == {"outcome": "pass", "categories": {}, "away": False, "windows": 3}
    assert answer.usage == Usage()


async def test_without_a_moderator_there_is_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise AssertionError("it is off")

    monkeypatch.setattr(answer_moderation.AnswerModeration, "__init__", none)
    answer = await answering(None, *words(3)).answer(turn(message=new_id()), FakeSink())

    assert answer.content == text_of(words(3))
