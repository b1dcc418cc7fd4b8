"""Only the visible words of an answer are one, in whatever form a server sends them."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain.errors import ProviderRefused, ProviderStreamBroken
from routing.domain.llm import RawChunk
from routing.domain.rules import ModelRef
from routing.llm.providers.answer_text import AnswerText, leave_out_thoughts, read_content
from routing.llm.providers.client import ProviderClient
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.test_client import ASK, SCHEMA, anthropic_answer, openai_answer
from tests.llm.wire import Wire, anthropic_frames, event, openai_frames

THOUGHTS = {
    "<think>a plan</think>\n\nTerns.": "Terns.",
    "\n<Thinking>a < b</THINKING>Terns.": "Terns.",
    "<thought>a</thought><reasoning>b</reasoning> Terns.": "Terns.",
    "<think>\n\n</think>\n\nTerns, <think>hm</think>": "Terns, <think>hm</think>",
    "[THINK]plan[/THINK]Terns.": "Terns.",
    "◁think▷plan◁/think▷Terns.": "Terns.",
    "<think>no </thinking> yet</think>Terns.": "Terns.",
    "</think>\n\nTerns.": "Terns.",
}
TEXTS = (
    "Terns <think>fly</think>.",
    "  an indented line",
    "<b>Terns</b>",
    "<thin air>",
    "<",
    "[TH",
    "`<think>` begins a thought",
    "🐦",
    "e\u0301",
    "\u2063\u064bب",
)
BLANKS = (
    " \n\n",
    "\u200b",
    "\ufeff\u2060\u00ad",
    "\u0301\u0300",
    "\u3164\u2800\u115f",
    "\x00",
    "\ud83d",
    "<think>only a plan</think>\n",
    "<think>without an end",
    "</think>",
    " " * 5_000,
)


def shown(*pieces: str) -> str:
    answer = AnswerText()
    text = "".join(map(answer.feed, pieces)) + answer.end()
    assert answer.visible == bool(text)
    return text


@pytest.mark.parametrize(("text", "rest"), THOUGHTS.items())
def test_thoughts_before_an_answer_are_left_out(text: str, rest: str) -> None:
    assert shown(text) == rest
    assert shown(*text) == rest
    assert leave_out_thoughts(text).startswith("Terns")


@pytest.mark.parametrize("text", TEXTS)
def test_all_else_is_text(text: str) -> None:
    assert shown(text) == text
    assert shown(*text) == text
    assert leave_out_thoughts(text) == text


@pytest.mark.parametrize("text", BLANKS)
def test_without_a_visible_character_there_is_no_answer(text: str) -> None:
    assert shown(text) == ""
    assert shown(*text) == ""
    assert leave_out_thoughts(text) == ""


def test_text_that_can_be_no_thought_is_not_held_back() -> None:
    answer = AnswerText()

    assert [answer.feed(piece) for piece in ("T", "erns", "<think>")] == ["T", "erns", "<think>"]


def test_memory_of_a_long_thought_is_bounded() -> None:
    answer = AnswerText()
    for piece in ("<think>", *("a long plan " for _ in range(1_000)), *(" " for _ in range(9))):
        answer.feed(piece)

    assert len(answer._held) < 40


_PIECES = st.lists(
    st.sampled_from(["<", "<think>", "</think>", "think", ">", " ", "\n", "a", "\ud83d", "\ude00"])
    | st.text(max_size=3),
    max_size=12,
)


@given(_PIECES)
def test_the_cut_of_the_pieces_makes_no_difference(pieces: list[str]) -> None:
    assert shown(*pieces) == shown("".join(pieces)) == shown(*"".join(pieces))


def test_a_template_may_have_opened_the_thought_of_a_whole_answer() -> None:
    assert leave_out_thoughts('a {plan}\n</think>\n{"rule": "a"}') == '\n\n{"rule": "a"}'[1:]
    assert leave_out_thoughts('{"reason": "</think>"}') == '{"reason": "</think>"}'


def part(text: str, kind: str = "text") -> dict[str, Any]:
    return {"type": kind, "text": text}


THINKING = {"type": "thinking", "thinking": [part("hm")]}


@pytest.mark.parametrize(
    ("value", "text", "thinks"),
    [
        (None, "", False),
        ("a", "a", False),
        ([part("a"), part("b")], "ab", False),
        ([THINKING], "", True),
        ([THINKING, part("a"), part("x", "image_url"), 7, None, "b"], "ab", True),
        ([{"text": "a"}, {"text": "hm", "thought": True}], "a", True),
        ([part("hm", "reasoning"), part("a", "output_text")], "a", True),
        ([{"type": "text", "text": {"value": "a"}}], "a", False),
        ([{"type": "tool_use", "input": {}}], "", False),
        (part("a"), "a", False),
    ],
)
def test_content_is_text_or_parts(value: Any, text: str, thinks: bool) -> None:
    assert read_content(value)[:2] == (text, thinks)


@pytest.mark.parametrize("value", [7, True, [part(7)]])  # type: ignore[arg-type]
def test_other_content_is_malformed(value: Any) -> None:
    with pytest.raises(ValueError, match="no string"):
        read_content(value)


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes keep one contract."""
    return bool(request.param)


async def heard(client: ProviderClient, model: ModelRef) -> list[RawChunk]:
    async with aclosing(client.stream(model, ASK)) as chunks:
        return [chunk async for chunk in chunks]


def told(chunks: list[RawChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def delta(content: Any) -> str:
    """A chunk with this content."""
    chunk = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}
    return f"data: {json.dumps(chunk)}\n\n"


async def test_an_answer_in_parts_is_read(wired: ProviderClient, wire: Wire) -> None:
    wire.say(delta([THINKING]), delta([part("The ")]), delta([part("terns")]), *openai_frames("."))

    assert told(await heard(wired, GPT)) == "The terns."


@pytest.mark.parametrize(
    "content",
    ["{1}", ["{1}"], [THINKING, part("{1}")], [part("{1", "text"), part("}"), {"type": "new"}]],
)
@pytest.mark.parametrize("fast_lane", [True])
async def test_compatible_servers_of_anthropic_are_read_too(
    wired: ProviderClient, wire: Wire, content: Any
) -> None:
    wire.answer(anthropic_answer("") | {"content": content})
    assert (await wired.complete_json(CLAUDE, ASK, SCHEMA)).text == "{1}"

    delta = {"type": "text_delta", "text": content}
    wire.say(event("content_block_delta", index=0, delta=delta), *anthropic_frames("!"))
    assert told(await heard(wired, CLAUDE)) == "{1}!"


async def test_a_character_may_come_in_halves(wired: ProviderClient, wire: Wire) -> None:
    wire.say(delta("Hi \ud83d"), delta("\ude00 there\x00"), delta("\ud83d"), *openai_frames("!"))

    assert told(await heard(wired, GPT)) == "Hi 😀 there\ufffd!"


@pytest.mark.parametrize("text", BLANKS[:2] + BLANKS[-5:], ids=ascii)
async def test_a_blank_answer_is_a_broken_one(wired: ProviderClient, wire: Wire, text: str) -> None:
    for model, frames, body in (
        (GPT, openai_frames(*text[:40]), openai_answer(text)),
        (CLAUDE, anthropic_frames(*text[:40]), anthropic_answer(text)),
    ):
        wire.say(*frames)
        with pytest.raises(ProviderStreamBroken):
            await heard(wired, model)
        wire.answer(body)
        with pytest.raises(ProviderStreamBroken):
            await wired.complete_json(model, ASK, SCHEMA)


async def test_thoughts_are_neither_shown_nor_read(wired: ProviderClient, wire: Wire) -> None:
    pieces = ("<thi", "nk>plan {", "}</th", "ink>\n\n", "Terns", " fly.")
    for model, frames in (
        (GPT, openai_frames(*pieces)),
        (CLAUDE, anthropic_frames(*pieces)),
    ):
        wire.say(*frames)
        assert told(await heard(wired, model)) == "Terns fly."

    wire.answer(openai_answer("<think>{}</think>{1}"))
    assert (await wired.complete_json(GPT, ASK, SCHEMA)).text == "{1}"


@pytest.mark.parametrize("fast_lane", [True])
async def test_a_whole_answer_in_parts_is_read(wired: ProviderClient, wire: Wire) -> None:
    answer = openai_answer(None)
    answer["choices"][0]["message"]["content"] = [THINKING, part("{1}")]
    wire.answer(answer)

    assert (await wired.complete_json(GPT, ASK, SCHEMA)).text == "{1}"


async def test_a_models_own_refusal_is_one(wired: ProviderClient, wire: Wire) -> None:
    for frames in (
        openai_frames(finish=None, refusal="I can't."),
        [delta([{"type": "refusal", "refusal": "I can't."}])],
    ):
        wire.say(*frames, *openai_frames())
        with pytest.raises(ProviderRefused):
            await heard(wired, GPT)


@pytest.mark.parametrize("fast_lane", [True])
async def test_raw_control_characters_spoil_nothing(wired: ProviderClient, wire: Wire) -> None:
    wire.say(delta("a\tb").replace("\\t", "\t"), *openai_frames("!"))

    assert told(await heard(wired, GPT)) == "a\tb!"
