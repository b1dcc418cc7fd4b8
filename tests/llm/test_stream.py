"""The client's streams against real servers: whole answers, broken ones, and who hangs up."""

from __future__ import annotations

import asyncio
import math
import socket
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from assistant_site.simulator import Simulator
from routing.domain.errors import (
    ContextTooLong,
    ProviderError,
    ProviderMisconfigured,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRefused,
    ProviderStreamBroken,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.domain.llm import ChatMessage, RawChunk
from routing.domain.rules import ModelRef, Timeouts
from routing.llm.providers.client import Credential, ProviderClient
from tests.llm.conftest import ANTHROPIC_KEY, CLAUDE, GPT, OPENAI_KEY
from tests.llm.wire import PING, Wire, anthropic_frames, openai_frames, openai_usage

ASK = (ChatMessage("system", "Be brief."), ChatMessage("user", "Tell me about zebrafish."))


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes keep one contract."""
    return bool(request.param)


both = pytest.mark.parametrize("model", [GPT, CLAUDE], ids=["openai", "anthropic"])


async def heard(client: ProviderClient, model: ModelRef) -> list[RawChunk]:
    async with aclosing(client.stream(model, ASK)) as chunks:
        return [chunk async for chunk in chunks]


def joined(chunks: list[RawChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


@both
async def test_a_whole_answer_ends_with_finish_usage_and_cost(
    client: ProviderClient, sim: Simulator, model: ModelRef
) -> None:
    *texts, last = await heard(client, model)

    assert "zebrafish" in joined(texts)
    assert len(texts) >= 1  # those that arrive together leave together
    assert all(chunk.finish_reason is None for chunk in texts)
    assert last.finish_reason == "stop"
    assert last.usage is not None
    assert not last.usage.estimated
    assert last.usage.output_tokens > 3
    assert last.usage.cost_usd is not None
    assert last.usage.cost_usd > 0
    assert len(sim.requests) == 1


@both
async def test_the_request_is_what_the_provider_documents(
    client: ProviderClient, sim: Simulator, model: ModelRef
) -> None:
    await heard(client, replace(model, max_output_tokens=77))

    request = sim.requests[0]
    assert request.body["max_tokens"] == 77
    assert request.body["stream"] is True
    if model is GPT:
        assert request.path == "/v1/chat/completions"
        assert request.headers["authorization"] == f"Bearer {OPENAI_KEY}"
        assert request.body["stream_options"] == {"include_usage": True}
        assert request.body["messages"][0] == {"role": "system", "content": "Be brief."}
    else:
        assert request.path == "/v1/messages"
        assert request.headers["x-api-key"] == ANTHROPIC_KEY
        assert [message["role"] for message in request.body["messages"]] == ["user"]


async def test_anthropic_always_gets_a_limit(client: ProviderClient, sim: Simulator) -> None:
    await heard(client, CLAUDE)

    assert sim.requests[0].body["max_tokens"] > 1000


async def test_own_prices_come_before_the_list(wired: ProviderClient, wire: Wire) -> None:
    wire.say(*openai_frames("Hi"), openai_usage(1_000, 2_000), "data: [DONE]\n\n")
    priced = replace(GPT, input_price=Decimal(3), output_price=Decimal(15))
    unknown = replace(GPT, litellm_name="openai/nobody-lists-me")

    costs = [(await heard(wired, model))[-1].usage for model in (priced, GPT, unknown)]

    assert [usage and usage.cost_usd for usage in costs] == [
        Decimal("0.033"),
        Decimal("0.00135"),
        None,
    ]


@both
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 400}, ProviderMisconfigured),
        ({"status": 401}, ProviderMisconfigured),
        ({"status": 403}, ProviderMisconfigured),
        ({"status": 404}, ProviderMisconfigured),
        ({"status": 400, "error": "context_length"}, ContextTooLong),
        ({"status": 429, "retry_after": 7}, ProviderRateLimited),
        ({"status": 500}, ProviderUnavailable),
        ({"status": 502}, ProviderUnavailable),
        ({"status": 503}, ProviderOverloaded),
        ({"status": 529}, ProviderOverloaded),
        ({"drop": True}, ProviderStreamBroken),
        ({"empty": True}, ProviderStreamBroken),
        ({"content_type": "text/html"}, ProviderStreamBroken),
        ({"cut_after": 3}, ProviderStreamBroken),
        ({"cut_after": 3, "cut": "close"}, ProviderStreamBroken),
        ({"cut_after": 0, "cut": "close"}, ProviderStreamBroken),
        ({"malformed_after": 3}, ProviderStreamBroken),
        ({"error_after": 3}, ProviderError),
    ],
    ids=str,
)
async def test_a_failure_has_its_name_and_is_asked_for_once(
    client: ProviderClient,
    sim: Simulator,
    model: ModelRef,
    fault: dict[str, Any],
    expected: type[ProviderError],
) -> None:
    sim.fault(**fault)

    with pytest.raises(expected) as caught:
        await heard(client, model)

    assert caught.value.model == model.name
    assert caught.value.status == fault.get("status", caught.value.status)
    assert "Not4Real" not in str(caught.value)
    assert "zebrafish" not in str(caught.value)
    assert len(sim.requests) == 1
    if isinstance(caught.value, ProviderRateLimited):
        assert caught.value.retry_after == 7


@both
async def test_a_dead_provider_is_unavailable(
    client: ProviderClient, sim: Simulator, model: ModelRef
) -> None:
    sim.stop_side(model.provider)

    with pytest.raises(ProviderUnavailable) as caught:
        await heard(client, model)

    assert caught.value.status is None


@both
async def test_a_black_hole_is_a_connect_time_out(model: ModelRef, fast_lane: bool) -> None:
    impatient = replace(model, timeouts=Timeouts(connect=0.05))
    with socket.socket() as hole, socket.socket() as queued:
        # Nobody accepts and the queue has room for one: the next SYN is dropped, not refused.
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        queued.connect(hole.getsockname())
        url = f"http://127.0.0.1:{hole.getsockname()[1]}/v1"
        client = ProviderClient({model.provider: Credential("sk-none", url)}, fast_lane=fast_lane)
        try:
            with pytest.raises(ProviderTimeout) as caught:
                await heard(client, impatient)
        finally:
            await client.aclose()

    assert caught.value.phase == "connect"


@both
async def test_a_request_that_may_have_arrived_is_not_sent_again(
    wired: ProviderClient, wire: Wire, model: ModelRef
) -> None:
    wire.reset()

    with pytest.raises(ProviderError):
        await heard(wired, model)

    assert len(wire.bodies) == 1


async def test_an_unknown_name_is_misconfigured(client: ProviderClient) -> None:
    with pytest.raises(ProviderMisconfigured):
        await heard(client, replace(GPT, litellm_name="no-such-model-anywhere"))


async def test_a_refusal_instead_of_text_is_refused(wired: ProviderClient, wire: Wire) -> None:
    for model, frames in (
        (GPT, openai_frames(finish="content_filter")),
        (CLAUDE, anthropic_frames(finish="refusal")),
    ):
        wire.say(*frames)
        with pytest.raises(ProviderRefused):
            await heard(wired, model)


@pytest.mark.parametrize("reason", ["content_filter", "length"])
async def test_a_finish_after_text_is_told_as_it_is(
    wired: ProviderClient, wire: Wire, reason: str
) -> None:
    anthropic = {"content_filter": "refusal", "length": "max_tokens"}[reason]
    for model, frames in (
        (GPT, openai_frames("Some", finish=reason)),
        (CLAUDE, anthropic_frames("Some", finish=anthropic)),
    ):
        wire.say(*frames)
        chunks = await heard(wired, model)
        assert (joined(chunks), chunks[-1].finish_reason) == ("Some", reason)


@both
async def test_a_finish_without_text_is_no_answer(
    wired: ProviderClient, wire: Wire, model: ModelRef
) -> None:
    wire.say(*(openai_frames() if model is GPT else anthropic_frames()))

    with pytest.raises(ProviderStreamBroken):
        await heard(wired, model)


async def test_a_usage_that_never_comes_spoils_nothing(
    wired: ProviderClient, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.llm.providers.base.USAGE_GRACE", 0.05)
    wire.say(*openai_frames("All of it"), math.inf)

    chunks = await heard(wired, GPT)

    assert (joined(chunks), chunks[-1].finish_reason) == ("All of it", "stop")
    assert chunks[-1].usage is None


async def test_thinking_is_a_sign_of_life_without_text(wired: ProviderClient, wire: Wire) -> None:
    wire.say(*openai_frames(finish=None, reasoning_content="Hm."), 0.1, *openai_frames("Yes."))

    assert [chunk.text for chunk in await heard(wired, GPT)] == ["", "Yes.", ""]


@both
async def test_leaving_between_tokens_closes_the_connection(
    wired: ProviderClient, wire: Wire, model: ModelRef
) -> None:
    first = (
        openai_frames("One", finish=None) if model is GPT else anthropic_frames("One", finish=None)
    )
    wire.say(*first, math.inf)

    async with aclosing(wired.stream(model, ASK)) as chunks:
        assert (await anext(chunks)).text == "One"

    await asyncio.wait_for(wire.left.wait(), 5)


@both
@pytest.mark.parametrize("told", [False, True], ids=["before the first token", "after it"])
async def test_cancelling_a_wait_closes_the_connection(
    wired: ProviderClient, wire: Wire, model: ModelRef, told: bool
) -> None:
    frames = (
        openai_frames("One", finish=None) if model is GPT else anthropic_frames("One", finish=None)
    )
    wire.say(*(frames if told else ()), PING if model is CLAUDE else ": ping\n\n", math.inf)
    got = asyncio.Event()

    async def listen() -> None:
        async with aclosing(wired.stream(model, ASK)) as chunks:
            async for _ in chunks:
                got.set()

    task = asyncio.create_task(listen())
    await asyncio.wait_for((got if told else wire.asked).wait(), 5)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(wire.left.wait(), 5)


@both
async def test_nothing_is_printed_or_logged_of_prompts_and_keys(
    client: ProviderClient,
    sim: Simulator,
    model: ModelRef,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "routing")
    await heard(client, model)
    for fault in ({"status": 401}, {"malformed_after": 2}, {"drop": True}):
        sim.fault(**fault, times=1)
        with pytest.raises(ProviderError):
            await heard(client, model)
    await asyncio.sleep(0)

    said = "".join(capfd.readouterr()) + caplog.text
    assert "zebrafish" not in said
    assert "Not4Real" not in said
    assert "LiteLLM" not in said


@both
def test_one_client_serves_several_event_loops(model: ModelRef, fast_lane: bool) -> None:
    with Simulator.in_thread() as sim:
        url = sim.openai_url if model is GPT else sim.anthropic_url
        client = ProviderClient({model.provider: Credential("sk-none", url)}, fast_lane=fast_lane)

        async def once() -> str:
            try:
                return joined(await heard(client, model))
            finally:
                await client.aclose()

        assert [len(asyncio.run(once())) > 10 for _ in range(2)] == [True, True]
        assert "sk-none" not in repr(Credential("sk-none"))
