"""Abilities of models: known by LiteLLM or set by an operator, needed by chats, and held against each other."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from assistant_site.simulator import Simulator
from routing.domain.abilities import Ability, needed_abilities
from routing.domain.errors import OptionUnsupported
from routing.domain.llm import ChatMessage, Completed
from routing.llm.failover.chat import FailoverChat
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.litellm_request import understands
from tests.llm.conftest import CLAUDE, GPT

ASK = (ChatMessage("user", "Tell me about terns."),)
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def part(kind: str) -> tuple[ChatMessage, ...]:
    return (ChatMessage("user", "", {"role": "user", "content": [{"type": kind}]}),)


def turn(role: Any, **form: Any) -> tuple[ChatMessage, ...]:
    return (ChatMessage(role, "", {"role": role, **form}),)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("messages", "options", "needed"),
    [
        (ASK, {"temperature": 0.5}, {}),
        (ASK, {"tools": TOOLS}, {Ability.TOOLS: "tools"}),
        (ASK, {"response_format": SCHEMA}, {Ability.JSON_SCHEMA: "response_format"}),
        (ASK, {"response_format": {"type": "json_object"}}, {}),
        (ASK, {"logprobs": True}, {Ability.LOGPROBS: "logprobs"}),
        (part("image_url"), {}, {Ability.IMAGE_INPUT: "messages"}),
        (part("file"), {}, {Ability.FILE_INPUT: "messages"}),
        (part("input_audio"), {}, {Ability.AUDIO_INPUT: "messages"}),
        (part("text"), {}, {}),
        (turn("tool", content="r"), {}, {Ability.TOOLS: "messages"}),
        (turn("assistant", tool_calls=[{}]), {"tools": TOOLS}, {Ability.TOOLS: "tools"}),
    ],
)
def test_a_chat_needs(messages: Any, options: Any, needed: Any) -> None:
    assert needed_abilities(messages, options) == needed


async def test_abilities_are_the_operators_or_the_lists(client: ProviderClient) -> None:
    def of(name: str, *own: str) -> frozenset[str]:
        return client.abilities(replace(GPT, litellm_name=name, abilities=own))

    assert of("gpt-4o-mini") >= {"tools", "json_schema", "image_input", "logprobs"}
    assert "logprobs" not in of("claude-haiku-4-5")
    assert "reasoning" in of("claude-haiku-4-5")
    assert of("gpt-4") == {"tools", "logprobs"}
    # A server of the operator's, of which the list knows nothing.
    assert of("openai/nobody-lists-me") >= {"tools", "json_schema"}
    assert "image_input" not in of("openai/nobody-lists-me")
    assert of("openai/nobody-lists-me", "image_input") == {"image_input"}
    assert of("no such model") == frozenset()


async def test_the_parameter_that_needs_what_is_missing_is_named(client: ProviderClient) -> None:
    plain = replace(GPT, abilities=("reasoning",))
    assert client.unsupported(plain, {"tools": TOOLS}) == "tools"
    assert client.unsupported(plain, {"response_format": SCHEMA}) == "response_format"
    assert client.unsupported(plain, {}, part("image_url")) == "messages"
    assert client.unsupported(CLAUDE, {"logprobs": True}) == "logprobs"
    assert client.unsupported(GPT, {"tools": TOOLS, "tool_choice": "required"}) is None
    # An ability that the operator vouches for is not looked up.
    assert client.unsupported(GPT, {"reasoning_effort": "low"}) == "reasoning_effort"
    assert client.unsupported(plain, {"reasoning_effort": "low"}) is None


async def test_a_fallback_that_can_answers(client: ProviderClient, sim: Simulator) -> None:
    chat = FailoverChat(client)
    options = {"tools": TOOLS}
    blind = replace(GPT, name="blind", abilities=("logprobs",))

    async with aclosing(chat.stream([blind, CLAUDE], ASK, lambda _: None, options)) as read:
        events = [event async for event in read]

    assert isinstance(events[-1], Completed)
    assert (events[-1].model, events[-1].finish_reason) == (CLAUDE, "tool_calls")
    assert [request.provider for request in sim.requests] == ["anthropic"]
    with pytest.raises(OptionUnsupported):
        await anext(chat.stream([blind], ASK, lambda _: None, options))
    with pytest.raises(OptionUnsupported):
        await anext(chat.stream([blind], part("image_url"), lambda _: None))


async def test_what_an_operator_vouches_for_is_sent(client: ProviderClient, sim: Simulator) -> None:
    vouched = replace(GPT, abilities=("reasoning",))
    async with aclosing(client.stream(vouched, ASK, {"reasoning_effort": "low"})) as read:
        chunks = [chunk async for chunk in read]

    assert sim.requests[0].body["reasoning_effort"] == "low"
    assert "thinks" in "".join(chunk.thought for chunk in chunks)
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.reasoning_tokens > 3


@pytest.mark.pure
def test_megabytes_of_tools_are_not_kept() -> None:
    from routing.llm.providers.litellm_request import _understands  # noqa: PLC0415

    kept = _understands.cache_info().currsize
    assert understands("gpt-4o", "tools", TOOLS * 100)
    assert _understands.cache_info().currsize == kept
