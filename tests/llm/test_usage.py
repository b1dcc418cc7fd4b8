"""Numbers that a provider reports: believed within bounds, else estimated; an answer is never lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from routing.domain.actions import ModelKind
from routing.domain.llm import Usage
from routing.domain.rules import ModelRef
from routing.llm.providers import litellm
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.usage import MOST_TOKENS, clean_usage, clean_usages, count
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.test_client import (
    ASK,
    PAINTER,
    anthropic_answer,
    drawn,
    openai_answer,
    picture,
)
from tests.llm.wire import Wire

NO_COUNTS = [-1, 10**19, 10**400, MOST_TOKENS + 1, 3.5, 1e30, "3", "n/a", None, [5], {}, True]
NO_USAGES: list[Any] = [5, [5], 5.5, "n/a", True, None, {}, [{}], {"prompt_tokens": 9}]
ODD_USAGES = NO_USAGES + [
    {"prompt_tokens": 9, "completion_tokens": number, "total_tokens": 8}
    for number in (-1, 10**19, 3.5, "n/a", None)
]
BESIDE: list[Mapping[str, Any]] = [
    {"prompt_tokens_details": {"cached_tokens": "x"}},
    {"prompt_tokens_details": {"cached_tokens": 10**9}},
    {"prompt_tokens_details": "many", "completion_tokens_details": 5},
    {"total_tokens": -1, "cost": "x", "reasoning_tokens": [1]},
    {"server_tool_use": 0, "iterations": 1, "cache_creation": 5},
    {"cache_read_input_tokens": -5, "cache_creation_input_tokens": "x"},
    {"service_tier": {"a": 1}, "inference_geo": 5, "speed": "x" * 100},
]
"""Odd fields beside two good counts."""


@pytest.fixture(params=[True, False], ids=["direct", "litellm"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def chunk(**fields: Any) -> str:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps(head | fields)}\n\n"


def choice(delta: Mapping[str, Any], finish: str | None = None) -> list[Mapping[str, Any]]:
    return [{"index": 0, "delta": delta, "finish_reason": finish}]


def openai_stream(usage: Any, *, beside_finish: bool) -> list[str]:
    """An answer with its usage in the event of the finish, or in one of its own."""
    text, done = chunk(choices=choice({"content": "Hello"})), "data: [DONE]\n\n"
    if beside_finish:
        return [text, chunk(choices=choice({}, "stop"), usage=usage), done]
    return [text, chunk(choices=choice({}, "stop")), chunk(choices=[], usage=usage), done]


def claude_stream(start: Any, end: Any) -> list[str]:
    """An answer whose first and last events have these usages."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "usage": start}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hello"},
        },
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": end},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


def in_claudes_words(usage: Any) -> Any:
    """The same usage with Anthropic's names."""
    names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
    if not isinstance(usage, dict):
        return usage
    return {names.get(name, name): value for name, value in usage.items()}


async def end_of(client: ProviderClient, model: ModelRef) -> Usage | None:
    """The usage of an answer that must have come whole."""
    chunks = [chunk async for chunk in client.stream(model, ASK)]
    assert "".join(chunk.text for chunk in chunks) == "Hello"
    assert chunks[-1].finish_reason == "stop"
    return chunks[-1].usage


@pytest.mark.pure
@pytest.mark.parametrize("reported", NO_COUNTS, ids=lambda value: repr(value)[:24])
def test_a_count_is_a_whole_number_within_bounds(reported: Any) -> None:
    assert count(reported) is None
    usage = {"prompt_tokens": 9, "completion_tokens": reported}
    assert clean_usage(usage) == {"prompt_tokens": 9, "input_tokens": 9}


@pytest.mark.pure
def test_zero_the_bound_and_a_whole_float_are_counts() -> None:
    assert [count(number) for number in (0, MOST_TOKENS, 3.0)] == [0, MOST_TOKENS, 3]


@pytest.mark.pure
def test_only_values_of_the_key_are_replaced() -> None:
    text = rb'{"a": "say \"usage\": 5", "b": [{"usage": {"prompt_tokens": -1, "x": {"usage": 1}}}]}'
    assert clean_usages(text) == rb'{"a": "say \"usage\": 5", "b": [{"usage": {}}]}'
    assert clean_usages(b'{"usage": {"half') == b'{"usage": {"half'
    assert clean_usages('{"usage": "é", "b": 1}'.encode()) == b'{"usage": {}, "b": 1}'


async def test_odd_usages_of_a_stream_are_not_told(wired: ProviderClient, wire: Wire) -> None:
    for usage in ODD_USAGES:
        for beside_finish in (True, False):
            wire.say(*openai_stream(usage, beside_finish=beside_finish))
            assert await end_of(wired, GPT) is None, usage
        claudes = in_claudes_words(usage)
        wire.say(*claude_stream(claudes, claudes))
        assert await end_of(wired, CLAUDE) is None, usage


async def test_odd_usages_of_whole_answers_are_not_told(wired: ProviderClient, wire: Wire) -> None:
    for usage in ODD_USAGES:
        wire.answer(openai_answer("{}") | {"usage": usage})
        assert (await wired.complete_json(GPT, ASK, None)).usage is None, usage
        wire.answer(anthropic_answer("{}") | {"usage": in_claudes_words(usage)})
        assert (await wired.complete_json(CLAUDE, ASK, None)).usage is None, usage


async def test_pictures_and_vectors_outlive_odd_usages(wired: ProviderClient, wire: Wire) -> None:
    for usage in map(in_claudes_words, ODD_USAGES):
        wire.answer(drawn(picture()) | {"usage": usage})
        told = (await wired.image(PAINTER, "a tern")).usage
        assert told is not None
        assert 0 <= told.output_tokens <= MOST_TOKENS
        vector = {"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}
        wire.answer({"object": "list", "data": [vector], "model": "m", "usage": usage})
        embedder = replace(
            GPT, litellm_name="openai/text-embedding-3-small", kind=ModelKind.EMBEDDING
        )
        assert list((await wired.vectors(embedder, ["a tern"])).vectors) == [[0.6, 0.8]]


async def test_odd_fields_beside_good_counts_change_neither(
    wired: ProviderClient, wire: Wire
) -> None:
    good: dict[str, Any] = {"prompt_tokens": 1000, "completion_tokens": 100}
    for fields in BESIDE:
        wire.say(*openai_stream({**good, **fields}, beside_finish=True))
        claude = in_claudes_words({**good, **fields})
        told = [await end_of(wired, GPT)]
        wire.say(*claude_stream(claude, claude))
        told.append(await end_of(wired, CLAUDE))
        for usage in told:
            assert usage is not None, fields
            assert (usage.input_tokens, usage.output_tokens) == (1000, 100), fields
            assert usage.cost_usd is not None, fields
            assert usage.cost_usd > 0, fields


async def test_counts_that_end_in_null_are_those_told_before(
    wired: ProviderClient, wire: Wire
) -> None:
    start = {"input_tokens": 9, "output_tokens": 1}
    wire.say(*claude_stream(start, {"input_tokens": None, "output_tokens": 5}))
    usage = await end_of(wired, CLAUDE)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (9, 5)


@pytest.mark.parametrize(
    "name", ["openai/gpt-9", "anthropic/claude-next-9", "claude-opus-9-20300101", "openai/new"]
)
def test_an_unlisted_name_has_no_known_cost(name: str) -> None:
    model = replace(GPT, litellm_name=name)
    usage = litellm.priced(model, Usage(10, 5))
    assert (usage.cost_usd, usage.unpriced) == (None, 1)
    assert not litellm.has_price(model)
    one_alone = replace(model, input_price=Decimal(3))
    assert litellm.priced(one_alone, Usage(10, 5)).cost_usd is None
    own = replace(model, input_price=Decimal(3), output_price=Decimal(0))
    assert litellm.priced(own, Usage(10, 5)) == Usage(10, 5, Decimal("0.000030"))
    assert litellm.has_price(own)


@pytest.mark.parametrize(
    "name", ["openai/omni-moderation-latest", "gpt-4o-mini", "openai/gpt-4o-mini"]
)
def test_a_listed_name_has_the_price_of_the_list_also_if_it_is_free(name: str) -> None:
    usage = litellm.priced(replace(GPT, litellm_name=name), Usage(1000, 1000))
    assert usage.cost_usd == (0 if "omni" in name else Decimal("0.00075"))
    assert usage.unpriced == 0


@pytest.mark.pure
def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    known = Usage(1, 1, Decimal(2))
    assert known + Usage(3, 3).at(None) == Usage(4, 4, None, unpriced=1)
    assert Usage() + known == known


async def test_a_picture_without_usage_has_no_known_cost(wired: ProviderClient, wire: Wire) -> None:
    wire.answer(drawn(picture()))
    priced = replace(PAINTER, input_price=Decimal(5), output_price=Decimal(40))
    free = replace(PAINTER, input_price=Decimal(0), output_price=Decimal(0))
    costs = [(await wired.image(each, "a tern")).usage for each in (PAINTER, priced, free)]
    assert [usage and usage.cost_usd for usage in costs] == [None, None, 0]
