"""Providers' words for the end of an answer, and what comes of an answer that ends so."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from routing.domain.errors import ProviderRefused, ProviderStreamBroken, ProviderUnavailable
from routing.domain.llm import ChatMessage
from routing.domain.rules import ModelRef
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.finish_reasons import FinishReason, read_choice, read_finish
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.test_client import anthropic_answer, openai_answer
from tests.llm.wire import Wire, anthropic_frames, openai_frames

ASK = (ChatMessage("user", "Tell me about terns."),)
GROQ = replace(GPT, litellm_name="groq/llama-3.3-70b-versatile", provider="groq")
BROKEN_OFF = (ProviderStreamBroken, ProviderUnavailable)
"""The second is LiteLLM's name for the first."""
STOP, LENGTH, TOOL_CALLS, FILTERED, OTHER, BROKEN = FinishReason
ENDINGS = {
    STOP: "stop STOP Stop end_turn stop_sequence eos eos_token COMPLETE FinishReason.STOP stop-sequence",
    LENGTH: "length max_tokens MAX_TOKENS model_length token_limit model_context_window_exceeded "
    "FINISH_REASON.MAX_TOKENS",
    FILTERED: "content_filter content-filter refusal SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII "
    "sensitive guardrail_intervened content_filtered ERROR_TOXIC",
    OTHER: "pause_turn OTHER FINISH_REASON_UNSPECIFIED zigzag",
    TOOL_CALLS: "tool_calls function_call tool_use Tool-Calls",
    BROKEN: "error ERROR abort aborted cancelled insufficient_system_resource network_error "
    "upstream_error server_error MALFORMED_FUNCTION_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE",
}
WORDS = [(word, ending) for ending, words in ENDINGS.items() for word in words.split()]
SOME = [(word, ending) for ending, words in ENDINGS.items() for word in words.split()[-4:]]


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes read endings alike."""
    return bool(request.param)


async def heard(client: ProviderClient, model: ModelRef) -> tuple[str, str | None]:
    async with aclosing(client.stream(model, ASK)) as chunks:
        told = [chunk async for chunk in chunks]
    return "".join(chunk.text for chunk in told), told[-1].finish_reason


@pytest.mark.pure
@pytest.mark.parametrize(("word", "ending"), WORDS)
def test_a_word_of_any_provider_has_one_ending(word: str, ending: FinishReason) -> None:
    assert read_finish(word) is ending


@pytest.mark.pure
@pytest.mark.parametrize("word", [None, "", " ", "null", "None", False, 0, [], {}])
def test_some_values_say_that_the_answer_goes_on(word: Any) -> None:
    assert read_finish(word) is None


@pytest.mark.pure
@pytest.mark.parametrize("word", [7, True, ["stop"], {"type": "stop"}, "stop" * 1_000])
def test_a_value_of_another_form_ends_the_answer_somehow(word: Any) -> None:
    assert read_finish(word) is OTHER


@pytest.mark.pure
@pytest.mark.parametrize(
    ("told", "native", "ending"),
    [("stop", "MAX_TOKENS", LENGTH), ("stop", "SAFETY", FILTERED), ("stop", "error", BROKEN),
     ("stop", "completed_somehow", STOP), ("error", "stop", BROKEN), (None, "stop", None)],
)  # fmt: skip
def test_a_router_says_the_providers_own_word_too(
    told: str | None, native: str, ending: FinishReason | None
) -> None:
    assert read_choice({"finish_reason": told, "native_finish_reason": native}) is ending


@pytest.mark.parametrize(("word", "ending"), SOME)
async def test_a_stream_ends_as_its_word_says(
    wired: ProviderClient, wire: Wire, word: str, ending: FinishReason
) -> None:
    for model in (GPT, CLAUDE):
        frames = openai_frames if model is GPT else anthropic_frames
        wire.say(*frames("Half ", "of it", finish=word), "data: [DONE]\n\n")
        if ending is BROKEN:
            with pytest.raises(BROKEN_OFF):
                await heard(wired, model)
        else:
            # A word about calls, where none was made, leaves open how the answer ended.
            told = OTHER if ending is TOOL_CALLS else ending
            assert await heard(wired, model) == ("Half of it", told.value)


@pytest.mark.parametrize(("word", "ending"), SOME)
async def test_a_whole_answer_ends_as_its_word_says(
    wired: ProviderClient, wire: Wire, word: str, ending: FinishReason
) -> None:
    for model in (GPT, CLAUDE):
        answer = openai_answer if model is GPT else anthropic_answer
        wire.answer(answer("yes", finish=word))
        if ending is BROKEN:
            with pytest.raises(ProviderStreamBroken):
                await wired.complete_json(model, ASK, None)
        else:
            assert (await wired.complete_json(model, ASK, None)).finish_reason == ending.value


@pytest.mark.parametrize(("word", "ending"), SOME)
async def test_no_text_before_a_filter_is_a_refusal_and_else_no_answer(
    wired: ProviderClient, wire: Wire, word: str, ending: FinishReason
) -> None:
    for model in (GPT, CLAUDE):
        frames = openai_frames if model is GPT else anthropic_frames
        wire.say(*frames(finish=word))
        with pytest.raises(ProviderRefused if ending is FILTERED else BROKEN_OFF):
            await heard(wired, model)
