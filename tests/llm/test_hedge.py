"""A late first token: the next candidate is asked beside it, and the first to speak answers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from routing.domain.errors import NoProviderAvailable, ProviderUnavailable
from routing.domain.llm import AnsweringModel, Attempt, RawChunk, Switched
from routing.llm.failover.candidates import Failover, RetryBudget
from routing.llm.failover.chat import FailoverChat
from routing.llm.failover.circuits import CircuitSettings, LocalCircuits
from routing.llm.failover.policy import FailoverPolicy
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.playing import ASK, HOLD, Player, Script, play, says

SOON = FailoverPolicy(hedge_after=0.01)
NEVER: Script = [HOLD]


async def test_the_first_to_speak_answers_and_the_other_is_left() -> None:
    player = Player({"gpt": [NEVER], "claude": [says("Hi")]})

    played = await play(player, GPT, CLAUDE, policy=SOON)

    assert played.events[:2] == [
        Switched(GPT, CLAUDE, "slow_first_token", discard=False),
        AnsweringModel(CLAUDE),
    ]
    assert played.text == "Hi"
    assert played.outcomes == [("gpt", "cancelled"), ("claude", "ok")]
    assert sorted(player.closed) == ["claude", "gpt"]
    assert played.attempts[0].usage.estimated
    assert played.attempts[0].detail == "another model was sooner"


async def test_a_quick_model_has_no_rival() -> None:
    player = Player({"gpt": [says("Hi")], "claude": [says("No")]})

    await play(player, GPT, CLAUDE, policy=FailoverPolicy(hedge_after=30))

    assert player.asked == ["gpt"]


async def test_a_rival_that_fails_leaves_the_late_one_time() -> None:
    gate = asyncio.Event()
    player = Player({"gpt": [[gate, *says("Hi")]], "claude": [[ProviderUnavailable("claude")]]})
    player.after["claude"] = gate

    played = await play(player, GPT, CLAUDE, policy=SOON)

    assert played.text == "Hi"
    assert played.outcomes == [("claude", "provider_error"), ("gpt", "ok")]


async def test_the_late_one_is_asked_again_should_its_rival_break() -> None:
    broken: Script = [RawChunk("Half"), ProviderUnavailable("claude")]
    player = Player({"gpt": [NEVER, says("Whole")], "claude": [broken]})

    played = await play(player, GPT, CLAUDE, policy=SOON)

    assert player.asked == ["gpt", "claude", "gpt"]
    assert Switched(CLAUDE, GPT, "provider_error", discard=True) in played.events


async def test_both_failing_tells_both_causes() -> None:
    player = Player({"gpt": [[ProviderUnavailable("gpt")]], "claude": [NEVER]})

    played = await play(player, GPT, policy=SOON)

    assert isinstance(played.error, NoProviderAvailable)
    assert len(played.error.causes) == 1


async def test_without_budget_or_candidate_nobody_else_is_asked() -> None:
    spent = RetryBudget(ratio=0, burst=0, per_second=0)
    player = Player({"gpt": [NEVER], "claude": [says("No")]})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await play(player, GPT, CLAUDE, policy=SOON, budget=spent)

    assert player.asked == ["gpt"]
    assert player.closed == ["gpt"]


async def test_losing_a_race_does_not_count_against_a_provider() -> None:
    circuits = LocalCircuits(CircuitSettings(failures=1))
    player = Player({"gpt": [NEVER], "claude": [says("Hi")]})

    await play(player, GPT, CLAUDE, policy=SOON, circuits=circuits)

    assert (await circuits.enter("gpt")).allowed


async def test_a_person_who_leaves_ends_both() -> None:
    player = Player({"gpt": [NEVER], "claude": [NEVER]})
    shared = Failover(SOON, RetryBudget(), LocalCircuits())
    attempts: list[Attempt] = []

    async def listen() -> None:
        chat = FailoverChat(player, shared)
        async with aclosing(chat.stream((GPT, CLAUDE), ASK, attempts.append)) as events:
            async for _ in events:
                pass

    task = asyncio.create_task(listen())
    await player.begun["claude"].wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert sorted(player.closed) == ["claude", "gpt"]
    assert sorted(each.model for each in attempts) == ["claude", "gpt"]
    assert {each.outcome for each in attempts} == {"cancelled"}
