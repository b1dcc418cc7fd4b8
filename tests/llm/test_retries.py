"""Who is asked again, when, and who is not: the policy as one answer lives it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routing.domain.errors import (
    ContextTooLong,
    NoProviderAvailable,
    ProviderError,
    ProviderMisconfigured,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRefused,
    ProviderStreamBroken,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.domain.llm import ChatMessage, Completed, Continued, RawChunk, Shortened, Switched
from routing.llm.failover.candidates import RetryBudget
from routing.llm.failover.circuits import CircuitSettings, LocalCircuits, Permit
from routing.llm.failover.policy import FailoverPolicy, attempt_outcome, drop_oldest
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.playing import Player, play, says

BROKEN = ProviderStreamBroken("gpt", "cut")


async def test_the_next_candidate_is_sooner_than_any_back_off() -> None:
    player = Player({"gpt": [[ProviderUnavailable("gpt")], says("Late")], "claude": [says("Hi")]})

    played = await play(player, GPT, CLAUDE)

    assert player.asked == ["gpt", "claude"]
    assert played.waits == []


async def test_a_short_retry_after_is_waited_out() -> None:
    limited = ProviderRateLimited("gpt", retry_after=1.5)
    player = Player({"gpt": [[limited], says("Hi")], "claude": [says("No")]})

    played = await play(player, GPT, CLAUDE)

    assert player.asked == ["gpt", "gpt"]
    assert played.waits == [1.5 + 0.5 * 0.2]
    assert played.outcomes == [("gpt", "provider_error"), ("gpt", "ok")]
    assert not any(isinstance(event, Switched) for event in played.events)


async def test_a_long_retry_after_is_nobodys_to_wait_for() -> None:
    limited = ProviderOverloaded("gpt", retry_after=30)
    played = await play(Player({"gpt": [[limited]]}), GPT)

    assert played.waits == []
    assert isinstance(played.error, NoProviderAvailable)
    assert played.error.retry_after == 30


async def test_when_nobody_is_left_those_that_may_have_recovered_are_asked_again() -> None:
    player = Player(
        {
            "gpt": [[ProviderMisconfigured("gpt")]],
            "claude": [[ProviderOverloaded("claude")], says("Hi")],
        }
    )

    played = await play(player, GPT, CLAUDE)

    assert player.asked == ["gpt", "claude", "claude"]
    assert played.waits == [0.5 * 0.2]
    assert played.text == "Hi"


async def test_back_off_doubles_up_to_its_cap() -> None:
    policy = FailoverPolicy(retries=4, backoff=0.2, backoff_cap=1.0)
    played = await play(Player({"gpt": [[ProviderUnavailable("gpt")]]}), GPT, policy=policy)

    assert played.waits == [0.1, 0.2, 0.4, 0.5]
    assert len(played.attempts) == 5


@pytest.mark.parametrize(
    "error",
    [
        ProviderMisconfigured("gpt", status=401),
        ProviderTimeout("gpt", "first_token", 20),
        ProviderTimeout("gpt", "total", 180),
        ProviderRefused("gpt"),
    ],
)
async def test_what_does_not_pass_is_not_tried_again(error: ProviderError) -> None:
    player = Player({"gpt": [[error]]})
    await play(player, GPT)

    assert player.asked == ["gpt"]


async def test_a_lone_model_that_was_cut_starts_over() -> None:
    player = Player({"gpt": [[RawChunk("Half"), BROKEN], says("Whole")]})

    played = await play(player, GPT)

    assert Switched(GPT, GPT, "provider_error", discard=True) in played.events
    assert isinstance(played.events[-1], Completed)
    assert played.outcomes == [("gpt", "provider_error"), ("gpt", "ok")]


async def test_retries_stop_when_the_budget_is_spent() -> None:
    budget = RetryBudget(ratio=0.5, burst=1, per_second=0)
    player = Player({"gpt": [[ProviderUnavailable("gpt")]]})
    asked = []
    for _ in range(6):
        player.asked.clear()
        await play(player, GPT, budget=budget, circuits=LocalCircuits())
        asked.append(len(player.asked))

    assert asked == [2, 1, 2, 1, 2, 1]


def test_a_quiet_services_budget_fills_with_time() -> None:
    time = [0.0]
    budget = RetryBudget(burst=2, per_second=0.1, clock=lambda: time[0])
    assert [budget.take(), budget.take(), budget.take()] == [True, True, False]

    time[0] = 11
    assert [budget.take(), budget.take()] == [True, False]
    budget.give_back()
    assert budget.take()


async def test_an_open_circuit_is_passed_over_unasked() -> None:
    circuits = LocalCircuits(CircuitSettings(failures=1))
    await circuits.leave(Permit("gpt", allowed=True), "fault")
    player = Player({"gpt": [says("No")], "claude": [says("Hi")]})

    played = await play(player, GPT, CLAUDE, circuits=circuits)

    assert player.asked == ["claude"]
    assert played.events[0] == Switched(GPT, CLAUDE, "circuit_open", discard=False)


async def test_with_every_circuit_open_one_is_tried_and_closes() -> None:
    circuits = LocalCircuits(CircuitSettings(failures=1))
    for model in ("gpt", "claude"):
        await circuits.leave(Permit(model, allowed=True), "fault")
    player = Player({"gpt": [says("Hi")], "claude": [says("No")]})

    assert (await play(player, GPT, CLAUDE, circuits=circuits)).text == "Hi"
    assert player.asked == ["gpt"]
    assert (await circuits.enter("gpt")).allowed
    assert not (await circuits.enter("claude")).allowed


async def test_a_dead_model_is_soon_asked_no_more() -> None:
    circuits = LocalCircuits(CircuitSettings(failures=3))
    player = Player({"gpt": [[ProviderUnavailable("gpt")]], "claude": [says("Hi")]})
    for _ in range(6):
        await play(player, GPT, CLAUDE, circuits=circuits)

    assert player.asked.count("gpt") == 3
    assert player.asked.count("claude") == 6


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ProviderTimeout("gpt", "first_token", 1), "fault"),
        (ProviderUnavailable("gpt"), "fault"),
        (ProviderOverloaded("gpt"), "fault"),
        (ProviderStreamBroken("gpt"), "fault"),
        (ProviderRateLimited("gpt", retry_after=60), "fault"),
        (ProviderRateLimited("gpt"), "fault"),
        (ProviderRateLimited("gpt", retry_after=1), "released"),
        (ProviderMisconfigured("gpt"), "released"),
        (ProviderRefused("gpt"), "ok"),
        (ContextTooLong("gpt"), "ok"),
    ],
)
def test_what_counts_against_a_provider(error: ProviderError, said: str) -> None:
    assert attempt_outcome(error, patience=2) == said


TALK = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "One " * 50),
    ChatMessage("assistant", "First " * 50),
    ChatMessage("user", "Two " * 50),
    ChatMessage("assistant", "Second " * 50),
    ChatMessage("user", "And now?"),
)


async def test_a_conversation_too_long_goes_where_there_is_more_room() -> None:
    small = replace(CLAUDE, name="small", context_window=1000)
    player = Player(
        {"gpt": [[ContextTooLong("gpt")]], "small": [says("No")], "claude": [says("Hi")]}
    )
    roomy = replace(CLAUDE, context_window=GPT.context_window + 1)

    await play(player, GPT, small, roomy, messages=TALK)

    assert player.asked == ["gpt", "claude"]
    assert player.prompts[-1] == TALK


async def test_else_its_oldest_exchanges_are_left_out_and_that_is_told() -> None:
    player = Player({"gpt": [[ContextTooLong("gpt")], says("Hi")], "claude": [says("No")]})

    played = await play(player, GPT, CLAUDE, messages=TALK)

    assert player.asked == ["gpt", "gpt"]
    assert played.events[0] == Shortened(GPT, dropped=4)
    assert player.prompts[-1] == (TALK[0], TALK[-1])
    assert played.text == "Hi"


def test_a_window_shrinks_by_whole_exchanges_until_only_the_question_is_left() -> None:
    talk = (*TALK[:-1], ChatMessage("user", "x"), ChatMessage("assistant", "y"), TALK[-1])

    assert drop_oldest(talk) == (TALK[0], *talk[5:])
    assert drop_oldest((TALK[0], *talk[5:])) == (TALK[0], TALK[-1])
    assert drop_oldest((TALK[0], TALK[-1])) is None


def test_a_tool_call_never_loses_its_result() -> None:
    asked = ChatMessage("user", "And now?")
    called = ChatMessage("assistant", "", {"role": "assistant", "tool_calls": [{}]})
    result = ChatMessage("tool", "Sunny.", {"role": "tool", "content": "Sunny."})

    assert drop_oldest((*TALK, called, result)) == (TALK[0], TALK[-1], called, result)
    assert drop_oldest((TALK[0], asked, called, result)) is None
    assert drop_oldest((asked, called, result, asked)) == (asked,)


async def test_a_prompt_alone_too_long_ends_honestly() -> None:
    played = await play(Player({"gpt": [[ContextTooLong("gpt")]]}), GPT)

    assert isinstance(played.error, NoProviderAvailable)


CONTINUE = FailoverPolicy(retries=1, continue_cut=True)


async def test_a_cut_answer_may_go_on_where_it_stopped() -> None:
    player = Player(
        {"gpt": [[RawChunk("Hello "), BROKEN], says(" world", "!")], "claude": [says("No")]}
    )

    played = await play(player, GPT, CLAUDE, policy=CONTINUE, continues=lambda _: True)

    assert player.asked == ["gpt", "gpt"]
    assert player.prompts[-1][-1] == ChatMessage("assistant", "Hello")
    assert Continued(GPT, "provider_error") in played.events
    assert not any(isinstance(event, Switched) for event in played.events)
    assert played.text == "Hello world!"
    assert [attempt.output for attempt in played.attempts] == ["Hello ", " world!"]


async def test_what_can_not_go_on_starts_over_elsewhere() -> None:
    player = Player({"gpt": [[RawChunk("Hello "), BROKEN]], "claude": [says("Anew")]})

    played = await play(player, GPT, CLAUDE, policy=CONTINUE, continues=lambda _: True)

    assert player.asked == ["gpt", "gpt", "claude"]
    assert player.prompts[-1] == player.prompts[0]
    assert Switched(GPT, CLAUDE, "provider_error", discard=True) in played.events


async def test_nothing_is_continued_unless_asked_for() -> None:
    player = Player({"gpt": [[RawChunk("Hello "), BROKEN]], "claude": [says("Anew")]})

    await play(player, GPT, CLAUDE, continues=lambda _: True)

    assert player.asked == ["gpt", "claude"]
