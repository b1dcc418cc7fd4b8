"""The output guard in a turn: what listeners hear, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conversations.engine.engine import Engine
from conversations.engine.events import Event, Logprobs, Noticed, Reset, Thought, Token, ToolCall
from conversations.engine.types import Answer
from routing.domain.llm import (
    AnsweringModel,
    Completed,
    GenerationEvent,
    LogprobsDelta,
    Switched,
    TextDelta,
    ThinkingBlock,
    ThoughtDelta,
    ToolCallDelta,
    Usage,
)
from routing.guard.key_forms import KeyForm
from routing.guard.output.output_guard import StreamingOutputGuard
from tests.fakes import CLAUDE, GPT, FakeCache, FakeChat, FakeSink, ports, turn

SECRET = "sk-proj-0123456789abcdef"
GUARD = StreamingOutputGuard([SECRET], KeyForm("sk-ac-", 42, lambda _: False))
END = Completed(GPT, "stop", Usage(3, 5))


async def heard(
    events: Sequence[GenerationEvent],
    guard: StreamingOutputGuard = GUARD,
    cache: FakeCache | None = None,
) -> tuple[Answer, list[Event]]:
    sink = FakeSink()
    parts = ports(
        chat=FakeChat([AnsweringModel(GPT), *events, END]), output=guard, cache=cache or FakeCache()
    )
    answer = await Engine(parts).answer(turn(), sink)
    await sink.settle()
    return answer, sink.events[1:]


async def test_a_secret_is_neither_heard_nor_kept() -> None:
    cache = FakeCache()
    answer, events = await heard(
        [TextDelta("It is sk-"), TextDelta(SECRET[3:9]), TextDelta(f"{SECRET[9:]}!")], cache=cache
    )

    assert [type(event) for event in events] == [Token, Token, Noticed]
    assert answer.content == "It is [removed]!"
    assert (answer.guard.verdict, answer.guard.signals) == ("flag", ("output_secret",))
    assert cache.stored == []


async def test_a_flag_alone_changes_no_text() -> None:
    cache = FakeCache()
    telling = StreamingOutputGuard([SECRET], KeyForm("sk-ac-", 42, lambda _: False), removes=False)
    answer, events = await heard([TextDelta(SECRET)], telling, cache)

    assert events == [Token(SECRET)]
    assert answer.guard.signals == ("output_secret",)
    assert cache.stored == []


async def test_the_end_of_an_answer_is_not_lost() -> None:
    answer, events = await heard([TextDelta("It begins with sk-"), TextDelta("proj-")])
    assert answer.content == "It begins with sk-proj-"
    assert events[-1] == Token("sk-proj-")
    assert answer.guard.verdict == "pass"


async def test_held_text_of_a_model_that_broke_off_is_discarded() -> None:
    switched = Switched(GPT, CLAUDE, "provider_error", discard=True)
    answer, events = await heard(
        [TextDelta("Well, sk-pr"), switched, AnsweringModel(CLAUDE), TextDelta("oj-0123")]
    )
    assert answer.content == "oj-0123"
    assert [type(event) for event in events] == [Token, Reset, Noticed, Token]


async def test_held_text_comes_before_a_tool_call_and_a_thought() -> None:
    answer, events = await heard(
        [
            TextDelta("sk-"),
            ThinkingBlock("anthropic", {"type": "thinking"}),
            TextDelta("sk-"),
            ToolCallDelta(0, "call_1", "look", "{}"),
        ]
    )
    assert events == [Token("sk-"), Token("sk-"), ToolCall(0, "call_1", "look", "{}")]
    assert [block.at for block in answer.thinking] == [3]


@pytest.mark.parametrize(("end", "told"), [("proj-", [3]), (SECRET[3:], [])])
async def test_log_probabilities_wait_for_their_text(end: str, told: list[int]) -> None:
    _, events = await heard(
        [
            LogprobsDelta(({"token": "sk-"},)),
            TextDelta("sk-"),
            LogprobsDelta(({"token": end},)),
            TextDelta(end),
            LogprobsDelta(({"token": ""},)),
        ]
    )
    assert [len(event.tokens) for event in events if isinstance(event, Logprobs)] == told


PROMPT = " ".join(f"word{number}" for number in range(30))
"""A system prompt that is long enough to be protected."""


async def test_a_secret_in_a_shown_thought_is_cut_out() -> None:
    answer, events = await heard(
        [ThoughtDelta("It is sk-"), ThoughtDelta(f"{SECRET[3:]}."), TextDelta("No."), ThoughtDelta("sk-")]
    )  # fmt: skip
    thoughts = [event.text for event in events if isinstance(event, Thought)]
    assert thoughts == ["It is ", "[removed].", "sk-"]
    assert events.index(Token("No.")) == 2
    assert answer.content == "No."
    assert answer.guard.signals == ("output_secret",)
    assert isinstance(events[-1], Noticed)


async def test_a_thought_that_nobody_sees_is_not_looked_at() -> None:
    sink, chat = FakeSink(), FakeChat([AnsweringModel(GPT), ThoughtDelta(SECRET), TextDelta("No."), END])  # fmt: skip
    answer = await Engine(ports(chat=chat, output=GUARD, shows_thoughts=False)).answer(turn(), sink)
    assert answer.guard.verdict == "pass"


async def test_a_secret_in_the_arguments_of_a_call_is_cut_out() -> None:
    answer, events = await heard(
        [
            ToolCallDelta(0, "call_1", "send", '{"to": "sk-'),
            ToolCallDelta(1, "call_2", "look", "{}"),
            ToolCallDelta(2, "call_3", "send", '{"key": "sk-'),
            ToolCallDelta(2, "", "", SECRET[3:10]),
            ToolCallDelta(2, "", "", f'{SECRET[10:]}"}}'),
        ]
    )
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert [(each.index, each.call_id, each.name) for each in calls[:4]] == [
        (0, "call_1", "send"), (0, "", ""), (1, "call_2", "look"), (2, "call_3", "send")
    ]  # fmt: skip
    assert "".join(each.arguments for each in calls if each.index == 0) == '{"to": "sk-'
    assert "".join(each.arguments for each in calls if each.index == 2) == '{"key": "[removed]"}'
    assert answer.guard.signals == ("output_secret",)


async def test_a_call_with_the_system_prompt_is_told_and_stays_whole() -> None:
    arguments = f'{{"text": "{PROMPT}", "url": "https://example.org/?q={"a" * 90}"}}'
    sink = FakeSink()
    chat = FakeChat([AnsweringModel(GPT), ToolCallDelta(0, "call_1", "send", arguments), END])
    answer = await Engine(ports(chat=chat, output=GUARD, system_prompt=PROMPT)).answer(turn(), sink)
    (call,) = [event for event in sink.events if isinstance(event, ToolCall)]
    assert call.arguments == arguments
    assert answer.guard.signals == ("output_system_prompt",)
