"""What only the fast lane does: LiteLLM's very requests, many tokens in one text, connections kept."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from assistant_site.simulator import Simulator
from routing.domain.errors import (
    ProviderError,
    ProviderOverloaded,
    ProviderRefused,
    ProviderStreamBroken,
)
from routing.domain.llm import ChatMessage, RawChunk
from routing.domain.rules import ModelRef
from routing.llm.providers.anthropic import AnthropicStream
from routing.llm.providers.base import StreamReader
from routing.llm.providers.client import Credential, ProviderClient
from routing.llm.providers.litellm import direct_provider
from routing.llm.providers.litellm_request import build_request
from routing.llm.providers.openai_compatible import OpenAIStream
from tests.llm.conftest import ANTHROPIC_KEY, CLAUDE, GPT, OPENAI_KEY
from tests.llm.test_client import SCHEMA, anthropic_answer, openai_answer
from tests.llm.wire import Wire, anthropic_frames, event, openai_frames, openai_usage

TALK = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "Hello"),
    ChatMessage("assistant", "Hi."),
    ChatMessage("user", "Tell me about terns."),
)
MODELS = [
    GPT,
    replace(GPT, max_output_tokens=50),
    replace(GPT, litellm_name="openai/gpt-5-mini", max_output_tokens=50),
    replace(GPT, litellm_name="openai/o3"),
    replace(GPT, litellm_name="openai/some-model-of-ours"),
    CLAUDE,
    replace(CLAUDE, litellm_name="anthropic/claude-sonnet-4-6", max_output_tokens=50),
]


OLDER = [
    replace(CLAUDE, litellm_name="anthropic/claude-3-haiku-20240307"),
    replace(GPT, litellm_name="openai/gpt-4"),
]


async def heard(client: ProviderClient, model: ModelRef) -> list[RawChunk]:
    async with aclosing(client.stream(model, TALK)) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.litellm_name)
async def test_it_asks_as_litellm_does(sim: Simulator, model: ModelRef) -> None:
    credentials = {
        "openai": Credential(OPENAI_KEY, sim.openai_url),
        "anthropic": Credential(ANTHROPIC_KEY, sim.anthropic_url),
    }
    answers = []
    for fast_lane in (True, False):
        client = ProviderClient(credentials, fast_lane=fast_lane)
        chunks = await heard(client, model)
        answers.append(("".join(chunk.text for chunk in chunks), chunks[-1]))
        await client.aclose()
    ours, theirs = sim.requests

    assert ours.body == theirs.body
    assert ours.path == theirs.path
    for name in ("authorization", "x-api-key", "anthropic-version", "content-type"):
        assert ours.headers.get(name) == theirs.headers.get(name)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("schema", [SCHEMA, None], ids=["schema", "words"])
@pytest.mark.parametrize(
    "model", [*MODELS, *OLDER], ids=lambda model: model.litellm_name if model else ""
)
async def test_it_asks_for_json_as_litellm_does(
    wire: Wire, model: ModelRef, schema: dict[str, Any] | None
) -> None:
    wire.answer(openai_answer("{}") if model.provider == "openai" else anthropic_answer("{}"))
    credentials = {
        "openai": Credential(OPENAI_KEY, f"{wire.url}/v1"),
        "anthropic": Credential(ANTHROPIC_KEY, wire.url),
    }
    answers = []
    for fast_lane in (True, False):
        client = ProviderClient(credentials, fast_lane=fast_lane)
        answers.append(await client.complete_json(model, TALK, schema))
        await client.aclose()
    ours, theirs = wire.bodies

    assert ours == {"stream": False, **theirs} or ours == theirs
    for name in ("authorization", "x-api-key", "anthropic-version", "anthropic-beta"):
        assert wire.headers[0].get(name) == wire.headers[1].get(name)
    assert answers[0] == answers[1]


async def test_tokens_that_arrive_together_leave_together(
    wired: ProviderClient, wire: Wire
) -> None:
    wire.say("".join(openai_frames(*"abcdefgh", finish=None)), 0.1, *openai_frames("i"))

    chunks = await heard(wired, GPT)

    assert [chunk.text for chunk in chunks[:2]] == ["abcdefgh", "i"]


async def test_what_came_before_a_fault_is_passed_on(wired: ProviderClient, wire: Wire) -> None:
    error = json.dumps({"error": {"code": "server_error", "message": "sorry"}})
    wire.say("".join(openai_frames("Half", finish=None)) + f"data: {error}\n\n")
    async with aclosing(wired.stream(GPT, TALK)) as chunks:
        assert (await anext(chunks)).text == "Half"
        with pytest.raises(ProviderError):
            await anext(chunks)


async def test_an_overload_in_the_middle_has_its_name(wired: ProviderClient, wire: Wire) -> None:
    overloaded = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    wire.say(*anthropic_frames("Half", finish=None), overloaded)

    with pytest.raises(ProviderOverloaded):
        await heard(wired, CLAUDE)


async def test_a_refusal_in_openais_own_field_is_one(wired: ProviderClient, wire: Wire) -> None:
    wire.say(*openai_frames(finish=None, refusal="I can't."), *openai_frames())

    with pytest.raises(ProviderRefused):
        await heard(wired, GPT)


async def test_tools_nobody_offered_are_no_text(wired: ProviderClient, wire: Wire) -> None:
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    wire.say(*openai_frames("Yes", finish=None, tool_calls=[call]), *openai_frames(finish="stop"))

    assert [chunk.text for chunk in await heard(wired, GPT)] == ["Yes", ""]


@pytest.mark.parametrize(
    "frame",
    ["data: [1, 2]\n\n", 'data: {"choices": 7}\n\n', "data: <b>Bad gateway</b>\n\n",
     'data: {"choices": [{"delta": {"content": 7}}]}\n\n'],
)  # fmt: skip
async def test_what_is_no_event_breaks_the_stream(
    wired: ProviderClient, wire: Wire, frame: str
) -> None:
    wire.say(frame, *openai_frames("Hi"))

    with pytest.raises(ProviderStreamBroken):
        await heard(wired, GPT)


async def test_the_price_knows_of_cached_tokens(wired: ProviderClient, wire: Wire) -> None:
    plain, cached = openai_usage(1_000, 100), json.loads(openai_usage(1_000, 100)[6:])
    cached["usage"]["prompt_tokens_details"] = {"cached_tokens": 900}
    costs = []
    for usage in (plain, f"data: {json.dumps(cached)}\n\n"):
        wire.say(*openai_frames("Hi"), usage, "data: [DONE]\n\n")
        told = (await heard(wired, GPT))[-1].usage
        assert told is not None
        assert (told.input_tokens, told.output_tokens) == (1_000, 100)
        costs.append(told.cost_usd)

    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[1] < costs[0]


async def test_a_connection_is_used_again(client: ProviderClient, sim: Simulator) -> None:
    for model in (GPT, CLAUDE):
        for _ in range(3):
            await heard(client, model)

    assert len({request.connection for request in sim.requests}) == 2


def test_models_of_the_responses_api_are_left_to_litellm() -> None:
    assert direct_provider("gpt-4o-mini")
    assert direct_provider("anthropic/claude-sonnet-4-6")
    assert not direct_provider("openai/gpt-5-codex")
    assert not direct_provider("ollama/llama3")


@pytest.mark.parametrize(
    ("reader", "events"),
    [
        (OpenAIStream(), [b'{"choices":[],"usage":null}', b'{"choices":[{"delta":null}]}', b"{}"]),
        (AnthropicStream(), [b'{"type":"ping"}', b'{"type":"something_new","x":1}']),
    ],
    ids=["openai", "anthropic"],
)
def test_what_is_not_known_is_passed_over(reader: StreamReader, events: list[bytes]) -> None:
    assert [reader.read(json.loads(data)) for data in events] == [None] * len(events)
    assert (reader.finish, reader.usage, reader.done) == (None, None, False)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"),
     ("refusal", "content_filter"), ("model_context_window_exceeded", "length")],
)  # fmt: skip
def test_anthropics_reasons_in_openais_words(reason: str, finish: str) -> None:
    reader: Any = AnthropicStream()
    reader.read({"type": "message_delta", "delta": {"stop_reason": reason}})

    assert reader.finish == finish


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.litellm_name)
def test_an_empty_address_is_the_providers_own(model: ModelRef) -> None:
    provider = direct_provider(model.litellm_name)
    assert provider is not None

    request = build_request(provider, model, TALK, Credential("key"))

    own = {
        "openai": "https://api.openai.com/v1/chat/completions",
        "anthropic": "https://api.anthropic.com/v1/messages",
    }
    assert request.url == own[model.provider]
