"""Failover of answers with tool calls and thoughts: they begin an answer, or do not, and are never continued."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routing.domain.errors import ContextTooLong, NoProviderAvailable, ProviderStreamBroken
from routing.domain.llm import (
    AnsweringModel,
    ChatMessage,
    Completed,
    Continued,
    LogprobsDelta,
    RawChunk,
    Shortened,
    Switched,
    TextDelta,
    ThoughtDelta,
    ToolCallDelta,
)
from routing.llm.failover.policy import FailoverPolicy
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.playing import ASK, END, HOLD, Player, play, says

FIRST, REST = ToolCallDelta(0, "c1", "look", ""), ToolCallDelta(0, arguments="{}")
CALL = [RawChunk(tool_calls=(FIRST,)), RawChunk(tool_calls=(REST,))]
CALLED = replace(END, finish_reason="tool_calls")
CUT = ProviderStreamBroken("gpt", "cut")
TOOLS = {"tools": [{"type": "function", "function": {"name": "look"}}]}
CONTINUE = FailoverPolicy(retries=1, continue_cut=True)


async def test_a_call_begins_the_answer_and_is_metered() -> None:
    played = await play(Player({"gpt": [[*CALL, CALLED]]}), GPT)

    assert played.events == [
        AnsweringModel(GPT),
        FIRST,
        REST,
        Completed(GPT, "tool_calls", CALLED.usage or END.usage),  # type: ignore[arg-type]
    ]
    (attempt,) = played.attempts
    assert (attempt.output, attempt.first_token_ms is not None) == ("look{}", True)


async def test_a_change_of_model_after_a_call_takes_it_back() -> None:
    player = Player({"gpt": [[*CALL, CUT]], "claude": [says("Hi")]})

    played = await play(player, GPT, CLAUDE)

    assert Switched(GPT, CLAUDE, "provider_error", discard=True) in played.events
    assert played.text == "Hi"
    assert played.error is None


async def test_the_parts_of_a_chunk_keep_their_order() -> None:
    chunk = RawChunk("Hi", thought="Hm.", tool_calls=(FIRST,), logprobs=({"token": "Hi"},))

    played = await play(Player({"gpt": [[chunk, CALLED]]}), GPT)

    assert [type(event) for event in played.events[1:-1]] == [
        ThoughtDelta,
        LogprobsDelta,
        TextDelta,
        ToolCallDelta,
    ]


@pytest.mark.parametrize("hedge", [None, 0.01])
async def test_thoughts_come_before_the_answer_and_begin_none(hedge: float | None) -> None:
    thinks = [RawChunk(thought="Hm, "), RawChunk(thought="so.")]
    player = Player({"gpt": [[*thinks, CUT]], "claude": [[*thinks, *says("Hi")]]})

    played = await play(player, GPT, CLAUDE, policy=FailoverPolicy(hedge_after=hedge))

    thoughts = [event.text for event in played.events if isinstance(event, ThoughtDelta)]
    assert thoughts[-2:] == ["Hm, ", "so."]
    assert not any(isinstance(event, Switched) and event.discard for event in played.events)
    assert played.text == "Hi"
    assert played.outcomes == [("gpt", "provider_error"), ("claude", "ok")]


async def test_of_two_models_that_think_one_is_heard() -> None:
    slow, quick = [RawChunk(thought="slow"), HOLD], [RawChunk(thought="quick"), *says("Hi")]
    player = Player({"gpt": [slow], "claude": [quick]})

    played = await play(player, GPT, CLAUDE, policy=FailoverPolicy(hedge_after=0.01))

    thoughts = [event.text for event in played.events if isinstance(event, ThoughtDelta)]
    assert (thoughts, played.text) == (["quick"], "Hi")


@pytest.mark.parametrize("options", [TOOLS, {"response_format": {"type": "json_object"}}])
async def test_what_a_program_asked_for_is_not_continued(options: dict[str, object]) -> None:
    player = Player({"gpt": [[RawChunk("Half"), CUT], says("Whole")]})

    played = await play(player, GPT, policy=CONTINUE, continues=lambda _: True, options=options)

    assert not any(isinstance(event, Continued) for event in played.events)
    assert player.prompts == [ASK, ASK]
    assert played.text.endswith("Whole")


async def test_a_programs_turns_are_not_dropped() -> None:
    talk = (*ASK, ChatMessage("assistant", "Small."), ChatMessage("user", "And?"))
    player = Player({"gpt": [[ContextTooLong("gpt")], says("Hi")]})

    played = await play(player, GPT, messages=talk, options=TOOLS)

    assert not any(isinstance(event, Shortened) for event in played.events)
    assert isinstance(played.error, NoProviderAvailable)
