"""Own settings of a model: where it is asked, with which key, and with which parameters. Of both ways in
which answers are read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from assistant_site.simulator import Simulator
from routing.domain.llm import ChatMessage
from routing.domain.rules import ModelRef, Rule
from routing.llm.failover.candidates import Failover
from routing.llm.providers.client import Credential, ProviderClient
from routing.llm.providers.litellm import listed_prices, name_doubt
from routing.llm.providers.litellm_request import own_options, strange_options
from tests.llm.conftest import ANTHROPIC_KEY, CLAUDE, GPT, OPENAI_KEY
from tests.llm.wire import Wire

HELLO = [ChatMessage("user", "Hello")]
KEYS = {"GPU_API_KEY": "gpu-secret"}
CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
async def client(request: pytest.FixtureRequest, sim: Simulator) -> AsyncIterator[ProviderClient]:
    """With the key of a server of one's own."""
    providers = {
        "openai": Credential(OPENAI_KEY, sim.openai_url),
        "anthropic": Credential(ANTHROPIC_KEY, sim.anthropic_url),
    }
    client = ProviderClient(providers, keys=KEYS, fast_lane=request.param)
    try:
        yield client
    finally:
        await client.aclose()


async def said(client: ProviderClient, model: ModelRef, **options: object) -> str:
    return "".join([chunk.text async for chunk in client.stream(model, HELLO, options)])


def speak(wire: Wire) -> None:
    chunks = (
        {**CHUNK, "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
        {**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    wire.say(*(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks), "data: [DONE]\n\n")


async def test_a_server_of_ones_own_is_asked_with_its_own_key(
    client: ProviderClient, sim: Simulator, wire: Wire
) -> None:
    speak(wire)
    model = replace(GPT, base_url=wire.url, key_variable="GPU_API_KEY")

    assert await said(client, model) == "Hi"
    assert wire.headers[0]["Authorization"] == "Bearer gpu-secret"
    assert not sim.requests


async def test_a_providers_key_never_goes_to_another_address(
    client: ProviderClient, wire: Wire
) -> None:
    speak(wire)
    await said(client, replace(GPT, base_url=wire.url))

    assert OPENAI_KEY not in json.dumps(dict(wire.headers[0]))


async def test_a_model_whose_variable_is_not_set_is_no_candidate(client: ProviderClient) -> None:
    keyless = replace(GPT, key_variable="OTHER_API_KEY")
    failover = replace(Failover.plain(), has_key=client.has_key)
    found = failover.candidates((keyless, CLAUDE))

    assert not client.has_key(keyless)
    assert client.has_key(replace(GPT, key_variable="GPU_API_KEY"))
    assert "OTHER_API_KEY is not set" in str(found.causes[0])
    first = await found.next()
    assert first is not None
    assert first.model == CLAUDE


@pytest.mark.parametrize("model", [GPT, CLAUDE], ids=["openai", "anthropic"])
async def test_own_parameters_go_with_each_chat_and_requests_win(
    client: ProviderClient, sim: Simulator, model: ModelRef
) -> None:
    own = replace(model, temperature=0.2, parameters='{"top_p": 0.5}')
    await said(client, own)
    await said(client, own, temperature=0.7)

    first, second = (request.body for request in sim.requests)
    assert (first["temperature"], first["top_p"]) == (0.2, 0.5)
    assert (second["temperature"], second["top_p"]) == (0.7, 0.5)


async def test_a_parameter_that_the_model_does_not_know_is_left_out_and_told(
    client: ProviderClient, sim: Simulator
) -> None:
    strange = replace(GPT, reasoning_effort="high", parameters='{"top_k": 4, "seed": 3}')
    await said(client, strange)

    body = sim.requests[0].body
    assert "top_k" not in body
    assert "reasoning_effort" not in body
    assert body["seed"] == 3
    assert strange_options(strange) == ["top_k", "reasoning_effort"]
    # A server of one's own may know more than LiteLLM does.
    assert own_options(replace(strange, base_url="http://gpu/v1"))["top_k"] == 4


async def test_a_rule_asks_with_its_temperature_and_the_lower_limit(
    client: ProviderClient, sim: Simulator
) -> None:
    rule = Rule("short", "Short ones.", temperature=0.0, max_tokens=50, action="answer")  # type: ignore[arg-type]
    await said(client, replace(GPT, temperature=1.0, max_output_tokens=400).under(rule))

    body = sim.requests[0].body
    assert (body["temperature"], body["max_tokens"]) == (0.0, 50)
    assert replace(GPT, max_output_tokens=20).under(rule).max_output_tokens == 20
    assert GPT.under(None) is GPT


def test_an_unknown_name_is_told_with_the_nearest_known_ones() -> None:
    assert "did you mean gpt-4o-mini" in name_doubt("openai/gpt-4o-minni")
    assert "check the spelling" in name_doubt("openai/zzzzzz")
    assert name_doubt("openai/gpt-4o-mini") == ""


def test_the_prices_of_the_list_are_told_by_the_million() -> None:
    read, written = listed_prices("gpt-4o-mini") or (0, 0)
    assert (float(read), float(written)) == (0.15, 0.6)
    assert listed_prices("openai/no-such-model") is None
