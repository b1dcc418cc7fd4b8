"""Failover: who is asked, in which order, what is told of it, and how long anyone waits."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal

import pytest

from assistant_site.simulator import Simulator
from routing.domain.errors import (
    NoProviderAvailable,
    ProviderError,
    ProviderRateLimited,
    ProviderRefused,
    ProviderStreamBroken,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.domain.llm import (
    AnsweringModel,
    Attempt,
    ChatMessage,
    ChatOptions,
    Completed,
    Continued,
    GenerationEvent,
    RawChunk,
    Switched,
    TextDelta,
    Usage,
)
from routing.domain.rules import ModelRef, Timeouts
from routing.llm.failover.candidates import Failover, RetryBudget
from routing.llm.failover.chat import FailoverChat
from routing.llm.failover.circuits import LocalCircuits
from routing.llm.failover.policy import FailoverPolicy
from routing.llm.providers.client import ProviderClient
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.wire import PING, Wire, anthropic_frames

ASK = (ChatMessage("user", "Tell me about zebrafish."),)
TOLD = Usage(10, 20, Decimal("0.5"))
END = RawChunk(finish_reason="stop", usage=TOLD)
Script = Sequence[RawChunk | ProviderError | float]


class FakeClient:
    """Plays each model's script; a number is a pause in seconds."""

    def __init__(self, **scripts: Script) -> None:
        self.scripts = scripts
        self.asked: list[str] = []
        self.closed: list[str] = []

    async def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: ChatOptions | None = None
    ) -> AsyncGenerator[RawChunk, None]:
        self.asked.append(model.name)
        try:
            for step in self.scripts[model.name]:
                if isinstance(step, ProviderError):
                    raise step
                if isinstance(step, RawChunk):
                    yield step
                else:
                    await asyncio.sleep(min(step, 3600))
        finally:
            self.closed.append(model.name)

    def abilities(self, model: ModelRef) -> frozenset[str]:
        return frozenset()

    def unsupported(
        self, model: ModelRef, options: ChatOptions, messages: Sequence[ChatMessage] = ()
    ) -> str | None:
        return None

    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        return replace(usage, cost_usd=Decimal("0.1"))


async def played(
    client: FakeClient | ProviderClient, *candidates: ModelRef
) -> tuple[list[GenerationEvent], list[Attempt]]:
    attempts: list[Attempt] = []
    chat = FailoverChat(client)
    async with aclosing(chat.stream(candidates, ASK, attempts.append)) as events:
        return [event async for event in events], attempts


async def test_the_first_that_answers_is_the_only_one_asked() -> None:
    client = FakeClient(gpt=[RawChunk("Hi "), RawChunk("you"), END], claude=[END])

    events, attempts = await played(client, GPT, CLAUDE)

    assert events == [
        AnsweringModel(GPT),
        TextDelta("Hi "),
        TextDelta("you"),
        Completed(GPT, "stop", TOLD),
    ]
    assert client.asked == client.closed == ["gpt"]
    (attempt,) = attempts
    assert attempt.ok
    assert (attempt.output, attempt.prompt, attempt.usage) == ("Hi you", ASK, TOLD)
    assert attempt.first_token_ms is not None
    assert attempt.ended_ns >= attempt.started_ns


async def test_before_the_first_token_a_change_is_silent() -> None:
    client = FakeClient(
        gpt=[ProviderRateLimited("gpt", retry_after=3600)], claude=[RawChunk("Hi"), END]
    )

    events, attempts = await played(client, GPT, CLAUDE)

    assert events[0] == Switched(GPT, CLAUDE, "provider_error", discard=False)
    assert events[1:] == [AnsweringModel(CLAUDE), TextDelta("Hi"), Completed(CLAUDE, "stop", TOLD)]
    assert [attempt.outcome for attempt in attempts] == ["provider_error", "ok"]
    assert attempts[0].usage == Usage()


async def test_after_the_first_token_the_text_is_void() -> None:
    client = FakeClient(
        gpt=[RawChunk("Half"), ProviderStreamBroken("gpt")], claude=[RawChunk("Whole"), END]
    )

    events, attempts = await played(client, GPT, CLAUDE)

    assert events[:3] == [
        AnsweringModel(GPT),
        TextDelta("Half"),
        Switched(GPT, CLAUDE, "provider_error", discard=True),
    ]
    assert events[3:5] == [AnsweringModel(CLAUDE), TextDelta("Whole")]
    broken = attempts[0]
    assert broken.output == "Half"
    assert broken.usage.estimated
    assert broken.usage.output_tokens == 1
    assert broken.usage.cost_usd == Decimal("0.1")


async def test_nobody_left_tells_every_cause_in_order() -> None:
    first, second = ProviderUnavailable("gpt"), ProviderRateLimited("claude", retry_after=9)
    client = FakeClient(gpt=[first], claude=[second])

    with pytest.raises(NoProviderAvailable) as caught:
        await played(client, GPT, CLAUDE, GPT)

    assert caught.value.causes == (first, second)
    assert caught.value.retry_after == 9
    assert client.asked == ["gpt", "claude"]


async def test_without_candidates_nobody_is_available() -> None:
    with pytest.raises(NoProviderAvailable):
        await played(FakeClient())


async def test_a_refusal_is_not_shopped_around() -> None:
    client = FakeClient(gpt=[ProviderRefused("gpt")], claude=[RawChunk("Sure"), END])

    with pytest.raises(NoProviderAvailable):
        await played(client, GPT, CLAUDE)

    assert client.asked == ["gpt"]


@pytest.mark.parametrize(
    ("script", "timeouts", "phase"),
    [
        ([math.inf], Timeouts(first_token=0.02), "first_token"),
        ([RawChunk(""), math.inf], Timeouts(first_token=0.02), "first_token"),
        ([RawChunk("Hi"), math.inf], Timeouts(stall=0.02), "stall"),
        ([RawChunk("Hi"), math.inf], Timeouts(total=0.02), "total"),
        ([math.inf], Timeouts(total=0.02), "total"),
    ],
)
async def test_each_phase_has_its_patience(script: Script, timeouts: Timeouts, phase: str) -> None:
    client = FakeClient(gpt=script)

    with pytest.raises(NoProviderAvailable) as caught:
        await played(client, replace(GPT, timeouts=timeouts))

    (cause,) = caught.value.causes
    assert isinstance(cause, ProviderTimeout)
    assert cause.phase == phase
    assert client.closed == ["gpt"]


async def test_a_cancelled_attempt_is_metered_with_what_was_heard() -> None:
    client = FakeClient(gpt=[RawChunk("Some words"), math.inf])
    attempts: list[Attempt] = []
    begun = asyncio.Event()

    async def listen() -> None:
        async with aclosing(FailoverChat(client).stream([GPT], ASK, attempts.append)) as events:
            async for _ in events:
                begun.set()

    task = asyncio.create_task(listen())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (attempt,) = attempts
    assert attempt.outcome == "cancelled"
    assert attempt.output == "Some words"
    assert attempt.usage.estimated
    assert attempt.usage.input_tokens > 0
    assert client.closed == ["gpt"]


async def test_leaving_early_meters_and_closes_too() -> None:
    client = FakeClient(gpt=[RawChunk("One"), RawChunk("Two"), END])
    attempts: list[Attempt] = []

    async with aclosing(FailoverChat(client).stream([GPT], ASK, attempts.append)) as events:
        await anext(events)

    assert [attempt.outcome for attempt in attempts] == ["cancelled"]
    assert client.closed == ["gpt"]


async def test_pings_do_not_count_as_words(wired: ProviderClient, wire: Wire) -> None:
    pings: list[str | float] = [PING, 0.05]
    wire.say(*anthropic_frames("ready"))
    await played(
        wired, CLAUDE
    )  # what the first request of all loads may take longer than a first token
    wire.say(*anthropic_frames(finish=None), *pings * 1000)
    impatient = replace(CLAUDE, timeouts=Timeouts(first_token=0.3))

    with pytest.raises(NoProviderAvailable) as caught:
        await played(wired, impatient)

    assert isinstance(caught.value.causes[0], ProviderTimeout)
    await asyncio.wait_for(wire.left.wait(), 30)


async def test_the_other_provider_takes_over(client: ProviderClient, sim: Simulator) -> None:
    sim.fault(provider="anthropic", cut_after=3, cut="close")

    events, attempts = await played(client, CLAUDE, GPT)

    switch = next(event for event in events if isinstance(event, Switched))
    assert switch == Switched(CLAUDE, GPT, "provider_error", discard=True)
    after = events[events.index(switch) + 1 :]
    assert after[0] == AnsweringModel(GPT)
    assert "zebrafish" in "".join(event.text for event in after if isinstance(event, TextDelta))
    assert isinstance(events[-1], Completed)
    assert [(attempt.model, attempt.ok) for attempt in attempts] == [
        ("claude", False),
        ("gpt", True),
    ]
    assert [request.provider for request in sim.requests] == ["anthropic", "openai"]


async def test_a_model_that_can_goes_on_from_what_it_said(
    client: ProviderClient, sim: Simulator
) -> None:
    sim.fault(provider="anthropic", cut_after=5, times=1)
    shared = Failover(FailoverPolicy(retries=1, continue_cut=True), RetryBudget(), LocalCircuits())
    chat = FailoverChat(client, shared, continues=client.continues)
    attempts: list[Attempt] = []
    async with aclosing(chat.stream([CLAUDE, GPT], ASK, attempts.append)) as generated:
        events = [event async for event in generated]
    first, second = sim.requests

    assert Continued(CLAUDE, "provider_error") in events
    assert [attempt.outcome for attempt in attempts] == ["provider_error", "ok"]
    said = attempts[0].output
    assert said
    assert second.body["messages"][:-1] == first.body["messages"]
    # Anthropic takes no beginning that ends in white space.
    assert second.body["messages"][-1]["role"] == "assistant"
    assert said.rstrip() in str(second.body["messages"][-1]["content"])
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert text == said + attempts[1].output
    assert isinstance(events[-1], Completed)
