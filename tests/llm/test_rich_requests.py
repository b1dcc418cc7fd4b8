"""Requests with tools, pictures, files and thinking, as they reach each provider in both lanes."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from assistant_site.simulator import Simulator
from assistant_site.simulator.anthropic_thinking import REDACTED
from routing.domain.abilities import Ability
from routing.domain.errors import ProviderMisconfigured
from routing.domain.llm import ChatMessage, RawChunk, ThinkingBlock
from routing.domain.rules import ModelRef
from routing.llm.providers.answer_cleaner import AnswerCleaner
from routing.llm.providers.base import AnswerPiece
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.litellm_request import wire_messages
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.wire import Wire, anthropic_frames, event

MARK = {"cache_control": {"type": "ephemeral"}}
FUNCTION = {"name": "look", "description": "d", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": FUNCTION, **MARK}]
ADDRESS, INLINE = "https://example.org/a.png", "data:image/png;base64,AAAA"
PAPER = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}


def form(role: Any, content: Any = None, **more: Any) -> ChatMessage:
    return ChatMessage(role, "", {"role": role, "content": content, **more})


def call(call_id: str, arguments: str = "{}") -> dict[str, Any]:
    function = {"name": "look", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


ASK = form(
    "user",
    [
        {"type": "text", "text": "Look.", **MARK},
        picture(ADDRESS),
        picture(INLINE),
        {"type": "file", "file": PAPER},
    ],
)
TURN = (
    form("assistant", tool_calls=[call("c1"), call("c2", "{half")]),
    form("tool", "One.", tool_call_id="c1"),
    form("tool", [{"type": "text", "text": "Two."}], tool_call_id="c2"),
)


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes keep one contract."""
    return bool(request.param)


async def heard(
    client: ProviderClient, model: ModelRef, *messages: ChatMessage, **options: Any
) -> list[RawChunk]:
    async with aclosing(client.stream(model, messages, options)) as chunks:
        return [chunk async for chunk in chunks]


async def test_openai_gets_the_messages_as_they_are(client: ProviderClient, sim: Simulator) -> None:
    chunks = await heard(client, GPT, ASK, *TURN, tools=TOOLS, parallel_tool_calls=False)

    body = sim.requests[0].body
    parts = body["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url", "file"]
    assert [parts[1]["image_url"]["url"], parts[2]["image_url"]["url"]] == [ADDRESS, INLINE]
    assert parts[3]["file"] == PAPER
    # OpenAI knows no such mark, and refuses what it does not know.
    assert "cache_control" not in str(body)
    assert [each["id"] for each in body["messages"][1]["tool_calls"]] == ["c1", "c2"]
    assert [message["role"] for message in body["messages"][2:]] == ["tool", "tool"]
    assert body["tools"][0]["function"] == FUNCTION
    assert body["parallel_tool_calls"] is False
    assert "Two." in "".join(chunk.text for chunk in chunks)


async def test_anthropic_gets_the_same_in_its_form(client: ProviderClient, sim: Simulator) -> None:
    settings: Any = {"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": False}
    chunks = await heard(client, CLAUDE, ASK, *TURN, **settings)

    body = sim.requests[0].body
    text, address, inline, paper = body["messages"][0]["content"]
    assert text["cache_control"] == body["tools"][0]["cache_control"] == MARK["cache_control"]
    assert address["source"] == {"type": "url", "url": ADDRESS}
    assert inline["source"] == {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert paper["source"]["media_type"] == "application/pdf"
    uses, results = (message["content"] for message in body["messages"][1:])
    assert [use["input"] for use in uses] == [{}, {"invalid": "{half"}]
    assert [result["tool_use_id"] for result in results] == ["c1", "c2"]
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    usage = chunks[-1].usage
    assert usage is not None
    assert 0 < usage.cached_tokens < usage.input_tokens


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "look"}}, {"type": "tool", "name": "look"}),
    ],
)
async def test_anthropic_is_told_which_tool(
    client: ProviderClient, sim: Simulator, choice: Any, sent: Any
) -> None:
    chunks = await heard(client, CLAUDE, ASK, tools=TOOLS, tool_choice=choice)

    assert sim.requests[0].body["tool_choice"] == sent
    assert any(chunk.tool_calls for chunk in chunks) is (choice != "none")


async def test_a_tool_takes_text(client: ProviderClient, sim: Simulator) -> None:
    patch = {"type": "custom", "custom": {"name": "patch", "format": {"type": "text"}}}
    chunks = await heard(client, GPT, ASK, tools=[patch])
    pieces = [piece for chunk in chunks for piece in chunk.tool_calls]
    said = "".join(piece.arguments for piece in pieces)
    called = {"id": pieces[0].call_id, "type": "custom", "custom": {"name": "patch", "input": said}}
    result = form("tool", "Changed.", tool_call_id=called["id"])
    again = await heard(
        client, GPT, ASK, form("assistant", tool_calls=[called]), result, tools=[patch]
    )

    assert all(piece.custom for piece in pieces)
    assert pieces[0].name == "patch"
    assert said
    assert chunks[-1].finish_reason == "tool_calls"
    assert "Changed." in "".join(chunk.text for chunk in again)
    assert sim.requests[-1].body["messages"][1]["tool_calls"] == [called]


async def test_no_address_is_fetched(wired: ProviderClient, wire: Wire) -> None:
    plain = form("user", [picture(f"{wire.url}/a.png")])

    with pytest.raises(ProviderMisconfigured):
        await heard(wired, CLAUDE, plain)

    assert not wire.asked.is_set()


@pytest.mark.parametrize(
    ("limit", "budget"), [(None, 4_096), (20_000, 4_096), (3_000, 1_500), (1_500, 1_024)]
)
async def test_thinking_fits_into_the_limit(
    client: ProviderClient, sim: Simulator, limit: int | None, budget: int
) -> None:
    limits = {"max_tokens": limit} if limit else {}
    chunks = await heard(client, CLAUDE, ASK, reasoning_effort="high", **limits)

    body = sim.requests[0].body
    assert body["thinking"]["budget_tokens"] == budget < body["max_tokens"]
    assert body["max_tokens"] == (limit or body["max_tokens"])
    assert "thinks" in "".join(chunk.thought for chunk in chunks)


async def test_there_is_no_thinking_where_it_would_be_refused(
    client: ProviderClient, sim: Simulator
) -> None:
    await heard(client, CLAUDE, ASK, reasoning_effort="high", max_tokens=1_000)
    await heard(client, CLAUDE, ASK, *TURN, reasoning_effort="high", tools=TOOLS)
    settings: Any = {"tools": TOOLS, "tool_choice": "required"}
    await heard(client, CLAUDE, ASK, reasoning_effort="high", **settings)

    assert len(sim.requests) == 3
    assert not any("thinking" in request.body for request in sim.requests)


@pytest.mark.parametrize("prompt", ["Look.", f"Look. {REDACTED}"])
async def test_thoughts_go_back_as_they_were_signed(
    client: ProviderClient, sim: Simulator, prompt: str
) -> None:
    ask = form("user", prompt)
    settings: Any = {"reasoning_effort": "high", "tools": TOOLS}
    chunks = await heard(client, CLAUDE, ask, **settings)
    (block,) = (block for chunk in chunks for block in chunk.thinking)
    called = [call(chunk.tool_calls[0].call_id) for chunk in chunks if chunk.tool_calls][:1]
    answer = replace(form("assistant", tool_calls=called), thinking=(block,))
    result = form("tool", "Seen.", tool_call_id=called[0]["id"])
    # The simulator refuses a block that was changed, and a call without one.
    said = await heard(client, CLAUDE, ask, answer, result, **settings)

    assert "Seen." in "".join(chunk.text for chunk in said)
    first, second = (request.body for request in sim.requests)
    assert first["thinking"] == second["thinking"]
    assert second["messages"][1]["content"][0] == block.block
    assert block.block["type"] == ("redacted_thinking" if REDACTED in prompt else "thinking")


async def test_thoughts_of_others_stay_here(client: ProviderClient, sim: Simulator) -> None:
    signed = {"type": "thinking", "thinking": "Hm.", "signature": "theirs"}
    answer = replace(TURN[0], thinking=(ThinkingBlock("vertex_ai", signed),))
    settings: Any = {"reasoning_effort": "high", "tools": TOOLS}
    await heard(client, CLAUDE, ASK, answer, *TURN[1:], **settings)
    own = replace(answer, thinking=(ThinkingBlock("anthropic", signed),))
    await heard(client, GPT, ASK, own, *TURN[1:], tools=TOOLS)

    assert not any("theirs" in str(request.body) for request in sim.requests)
    assert "thinking" not in sim.requests[0].body


def test_a_thought_keeps_its_place_in_the_text() -> None:
    blocks = [{"type": "thinking", "thinking": each, "signature": each} for each in "ab"]
    text = ChatMessage("assistant", "One. Two.", thinking=(
        ThinkingBlock("anthropic", blocks[0]), ThinkingBlock("anthropic", blocks[1], 5),
    ))  # fmt: skip
    (wired,) = wire_messages(CLAUDE, [text])

    assert wired["content"] == [
        blocks[0], {"type": "text", "text": "One. "}, blocks[1], {"type": "text", "text": "Two."},
    ]  # fmt: skip


def test_the_text_of_a_thought_goes_where_it_is_wanted() -> None:
    thought = form("assistant", tool_calls=[call("c1")], reasoning_content="Hm.")
    deepseek = replace(GPT, litellm_name="deepseek/deepseek-reasoner")
    wired = {model: wire_messages(model, [thought])[0] for model in (deepseek, GPT, CLAUDE)}

    assert [each.get("reasoning_content") for each in wired.values()] == ["Hm.", None, None]


def test_the_stored_text_of_a_thought_goes_back_to_its_provider() -> None:
    block = ThinkingBlock("moonshot", {"type": "reasoning_content", "text": "Hm, so."})
    thought = form("assistant", tool_calls=[call("c1")], reasoning_content="Hm, [removed].")
    names = "moonshot/kimi-k2-thinking", "deepseek/deepseek-reasoner", CLAUDE.litellm_name
    models = [replace(GPT, litellm_name=name, abilities=(Ability.REASONING.value,)) for name in names]  # fmt: skip
    wired = [wire_messages(model, [replace(thought, thinking=(block,))])[0] for model in models]

    assert [each.get("reasoning_content") for each in wired] == ["Hm, so.", "Hm, [removed].", None]
    assert not any("thinking_blocks" in each for each in wired)


@pytest.mark.parametrize("provider", ["deepseek", "openai"])
def test_the_text_of_a_thought_is_kept_for_those_who_want_it(provider: str) -> None:
    answer = AnswerCleaner("a model", provider, calls_tools=True)
    said = [AnswerPiece(thought="Hm, "), AnswerPiece(thought="so."), AnswerPiece("Well. "), AnswerPiece("Yes.")]  # fmt: skip
    chunks = [answer.feed(piece) for piece in said]
    wanted = ThinkingBlock("deepseek", {"type": "reasoning_content", "text": "Hm, so."})

    assert [chunk.thinking for chunk in chunks] == [(), (), (wanted,) * (provider == "deepseek"), ()]  # fmt: skip


async def test_a_thought_between_texts_knows_its_place(wired: ProviderClient, wire: Wire) -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    seal = {"type": "signature_delta", "signature": "s"}
    between = [
        event("content_block_start", index=1, content_block=thought),
        event("content_block_delta", index=1, delta=seal),
        event("content_block_stop", index=1),
    ]
    frames = anthropic_frames("One. ")
    wire.say("".join([*frames[:-2], *between, *anthropic_frames("Two.")[1:]]))
    chunks = await heard(wired, CLAUDE, ASK)
    text = "".join(chunk.text for chunk in chunks)
    (place,) = (
        len("".join(each.text for each in chunks[:number])) + block.at
        for number, chunk in enumerate(chunks)
        for block in chunk.thinking
    )

    assert text[place:] == "Two."


async def test_cached_tokens_cost_less(wired: ProviderClient, wire: Wire) -> None:
    costs = []
    for cached in (0, 9_000):
        told = {
            "input_tokens": 10_000 - cached,
            "cache_read_input_tokens": cached,
            "output_tokens": 5,
        }
        delta = event("message_delta", delta={"stop_reason": "end_turn"}, usage=told)
        wire.say(*anthropic_frames("Hi")[:-2], delta, event("message_stop"))
        usage = (await heard(wired, CLAUDE, ASK))[-1].usage
        assert usage is not None
        assert (usage.input_tokens, usage.cached_tokens) == (10_000, cached)
        costs.append(usage.cost_usd or Decimal(0))

    assert 0 < costs[1] < costs[0] / 4


async def test_a_refusal_of_an_earlier_turn_is_its_text(
    client: ProviderClient, sim: Simulator
) -> None:
    refused = form("assistant", refusal="I can't.")
    for model in (GPT, CLAUDE):
        await heard(client, model, form("user", "Do."), refused, form("user", "Why?"))

    assert all("I can't." in str(request.body["messages"][1]) for request in sim.requests)
