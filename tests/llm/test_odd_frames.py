"""Odd but lawful replies, over a socket and in both lanes: one contract."""

from __future__ import annotations

import json
import math
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import ChatMessage, RawChunk
from routing.domain.rules import ModelRef
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.litellm import litellm
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.test_client import anthropic_answer, openai_answer
from tests.llm.wire import PING, Wire, anthropic_frames, event, openai_chunk, openai_frames

ASK = (ChatMessage("user", "Tell me about terns."),)
TEXTS = ("The ", "terns ", "fly ", "south.")
LATE = 'data: {"type": "error", "error": {"code": 500, "message": "sorry"}}\n\n'
both = pytest.mark.parametrize("model", [GPT, CLAUDE], ids=["openai", "anthropic"])


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes keep one contract."""
    return bool(request.param)


def frames(model: ModelRef, *texts: str) -> list[str]:
    return openai_frames(*texts) if model is GPT else anthropic_frames(*texts)


async def heard(client: ProviderClient, model: ModelRef) -> tuple[str, RawChunk]:
    async with aclosing(client.stream(model, ASK)) as chunks:
        told = [chunk async for chunk in chunks]
    return "".join(chunk.text for chunk in told), told[-1]


@both
@pytest.mark.parametrize(
    "frame",
    [
        "data:\n\n",
        "data: null\n\n",
        "data: ping\n\n",
        "event: ping\ndata: {}\n\n",
        "\ufeff",
        ": c\r\n\r\n",
    ],
)
async def test_frames_that_say_nothing_are_skipped(
    wired: ProviderClient, wire: Wire, model: ModelRef, frame: str
) -> None:
    first, *rest = [frame] if frame == "\ufeff" else [frame, frame]
    said = frames(model, *TEXTS)
    wire.say(first, *said[:3], *rest, *said[3:], "data: [DONE] \n\n")

    text, last = await heard(wired, model)

    assert (text, last.finish_reason) == ("The terns fly south.", "stop")


@both
@pytest.mark.parametrize(
    "late", [LATE, 'data: {"choices": [{"del\n\n', 'data: {"x": Infinity}\n\n']
)
async def test_nothing_after_the_finish_spoils_the_answer(
    wired: ProviderClient, wire: Wire, model: ModelRef, late: str
) -> None:
    said = frames(model, *TEXTS)
    place = len(said) - (model is CLAUDE)
    wire.say("".join([*said[:place], late, *said[place:], late, "data: [DONE]\n\n"]))

    text, last = await heard(wired, model)

    assert (text, last.finish_reason) == ("The terns fly south.", "stop")


@both
async def test_an_object_instead_of_a_stream_is_the_answer(
    wired: ProviderClient, wire: Wire, model: ModelRef
) -> None:
    answer = openai_answer("All of it.") if model is GPT else anthropic_answer("All of it.")
    for typed in (True, False):
        if typed:
            wire.answer(answer)
        else:
            wire.say(json.dumps(answer))
        text, last = await heard(wired, model)
        assert (text, last.finish_reason) == ("All of it.", "stop")
        assert last.usage is not None
        assert last.usage.output_tokens == (100 if model is GPT else 5)


@both
async def test_separators_inside_a_text_are_text(
    wired: ProviderClient, wire: Wire, model: ModelRef
) -> None:
    said = [
        frame.replace("|", "\u2028").replace("~", "\u0085") for frame in frames(model, "a|b", "c~d")
    ]
    wire.say(*said)

    assert (await heard(wired, model))[0] == "a\u2028bc\u0085d"


async def test_other_providers_texts_keep_their_separators(wire: Wire) -> None:
    wire.say(
        *[frame.replace("|", "\u2028") for frame in openai_frames("a|b", "c")], "data: [DONE]\n\n"
    )
    stream = await litellm.acompletion(
        model="groq/m", api_base=f"{wire.url}/v1", api_key="key", stream=True,
        messages=[{"role": "user", "content": "hi"}],
    )  # fmt: skip

    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "a\u2028bc"


async def test_a_finish_on_every_piece_waits_for_the_next(
    wired: ProviderClient, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.llm.providers.base.USAGE_GRACE", 0.05)
    pieces: list[Any] = []
    for text in TEXTS:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
        pieces += [openai_chunk({"choices": [choice]}), 0.2]
    wire.say(*pieces, "data: [DONE]\n\n")

    text, last = await heard(wired, GPT)

    assert (text, last.finish_reason) == ("The terns fly south.", "stop")


async def test_pings_after_the_finish_do_not_hold_the_end_up(
    wired: ProviderClient, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.llm.providers.base.USAGE_GRACE", 0.3)
    pings: list[Any] = [PING, 0.05] * 1_000
    wire.say(*frames(CLAUDE, *TEXTS)[:-1], *pings, math.inf)

    assert (await heard(wired, CLAUDE))[0] == "The terns fly south."


@both
async def test_an_end_alone_is_a_finish_where_the_model_is_marked_so(
    wired: ProviderClient, wire: Wire, model: ModelRef
) -> None:
    said = [
        each
        for each in frames(model, *TEXTS)
        if "finish_reason" not in each and '_delta", "delta": {"stop' not in each
    ]
    wire.say(*said, "data: [DONE]\n\n")

    marked = replace(model, ends_without_finish=True)
    text, last = await heard(wired, marked)
    assert (text, last.finish_reason) == ("The terns fly south.", "stop")
    with pytest.raises(ProviderStreamBroken):
        await heard(wired, model)


@pytest.mark.parametrize("finish", ["stop", None, "error"])
async def test_an_error_inside_the_choice_breaks_the_stream(
    wired: ProviderClient, wire: Wire, finish: str | None
) -> None:
    error = {"code": 502, "message": "gone"}
    choice = {"index": 0, "delta": {}, "finish_reason": finish, "error": error}
    wire.say(*openai_frames("Half", finish=None), openai_chunk({"choices": [choice]}))

    with pytest.raises(ProviderStreamBroken):
        await heard(wired, GPT)


async def test_a_null_takes_no_usage_back(wired: ProviderClient, wire: Wire) -> None:
    told = {"input_tokens": None, "output_tokens": 5}
    delta = event("message_delta", delta={"stop_reason": "end_turn"}, usage=told)
    wire.say(*anthropic_frames(*TEXTS)[:-2], delta, event("message_stop"))

    usage = (await heard(wired, CLAUDE))[1].usage

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (9, 5)
