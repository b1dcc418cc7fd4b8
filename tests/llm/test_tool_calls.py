"""Tool calls, thoughts and log probabilities, over a socket: one contract for both lanes and providers."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest

from routing.domain.errors import ProviderRefused, ProviderStreamBroken
from routing.domain.llm import ChatMessage, RawChunk, ToolCallDelta
from routing.domain.rules import ModelRef
from routing.llm.providers import tool_calls
from routing.llm.providers.client import ProviderClient
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.wire import Wire, anthropic_frames, event, openai_chunk, openai_frames

ASK = (ChatMessage("user", "What is the weather in Porto and in Faro?"),)
FUNCTION = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
TOOLS = {"tools": [{"type": "function", "function": FUNCTION}]}
PORTO, FARO = '{"city": "Porto"}', '{"city": "Faro"}'
TWO = [("weather", PORTO), ("weather", FARO)]


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes keep one contract."""
    return bool(request.param)


def delta(**parts: Any) -> str:
    return openai_chunk({"choices": [{"index": 0, "delta": parts}]})


def piece(**parts: Any) -> str:
    """A chunk with a piece of one call: ``name`` and ``arguments`` are those of its function."""
    named = {name: parts.pop(name) for name in ("name", "arguments") if name in parts}
    return delta(tool_calls=[{**parts, "function": named}])


def block(index: int, said: dict[str, Any], *deltas: dict[str, Any]) -> list[str]:
    return [
        event("content_block_start", index=index, content_block=said),
        *(event("content_block_delta", index=index, delta=each) for each in deltas),
        event("content_block_stop", index=index),
    ]


def use(index: int, *parts: str, name: str = "weather", **more: Any) -> list[str]:
    """Anthropic's events of one call."""
    said = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}, **more}
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return block(index, said, *deltas)


def anthropic(*blocks: list[str], finish: str = "tool_use") -> list[str]:
    start, *_, stop = anthropic_frames()
    usage = {"output_tokens": 5}
    end = event("message_delta", delta={"stop_reason": finish}, usage=usage)
    return [start, *(frame for each in blocks for frame in each), end, stop]


async def heard(client: ProviderClient, model: ModelRef, **options: Any) -> list[RawChunk]:
    async with aclosing(client.stream(model, ASK, TOOLS | options)) as chunks:
        return [chunk async for chunk in chunks]


def calls_of(chunks: list[RawChunk]) -> list[tuple[str, str]]:
    """Name and arguments of each call; the first piece of each has its id and its name, and no other."""
    calls: dict[int, list[ToolCallDelta]] = {}
    for chunk in chunks:
        for each in chunk.tool_calls:
            calls.setdefault(each.index, []).append(each)
    assert list(calls) == list(range(len(calls)))
    ids = [pieces[0].call_id for pieces in calls.values()]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert not any(each.call_id or each.name for pieces in calls.values() for each in pieces[1:])
    return [
        (pieces[0].name, "".join(each.arguments for each in pieces)) for pieces in calls.values()
    ]


def cut(text: str) -> list[str]:
    return [text[:5], text[5:9], text[9:]]


OPENAI_STREAMS: dict[str, list[str]] = {
    "as documented": [
        *(piece(index=at, id=f"c{at}", type="function", name=name, arguments="")
          + "".join(piece(index=at, arguments=part) for part in cut(text))
          for at, (name, text) in enumerate(TWO)),
    ],
    "one chunk for both": [delta(tool_calls=[
        {"index": at, "id": f"c{at}", "function": {"name": name, "arguments": text}}
        for at, (name, text) in enumerate(TWO)])],
    "no index": [piece(id=f"c{at}", name=name, arguments=text) for at, (name, text) in enumerate(TWO)],
    "no index, in pieces": [
        frame for at, (name, text) in enumerate(TWO)
        for frame in (piece(id=f"c{at}", name=name), *(piece(arguments=part) for part in cut(text)))],
    "neither index nor id": [piece(name=name, arguments=text) for name, text in TWO],
    "one index for all": [
        piece(index=0, id=f"c{at}", name=name, arguments=text) for at, (name, text) in enumerate(TWO)],
    "index from one": [
        piece(index=at + 1, id=f"c{at}", name=name, arguments=text) for at, (name, text) in enumerate(TWO)],
    "arguments as an object": [
        piece(index=at, id=f"c{at}", name=name, arguments=json.loads(text))
        for at, (name, text) in enumerate(TWO)],
    "the name again in each piece": [
        piece(index=at, id=f"c{at}", name=name, arguments=part)
        for at, (name, text) in enumerate(TWO) for part in cut(text)],
    "the name again, without index and id": [
        piece(name=name, arguments=part) for name, text in TWO for part in cut(text)],
    "the id in a later piece": [
        frame for at, (name, text) in enumerate(TWO)
        for frame in (piece(index=at, name=name), piece(index=at, id=f"c{at}", arguments=text))],
    "the name in a later piece": [
        frame for at, (name, text) in enumerate(TWO) for frame in (
            piece(index=at, id=f"c{at}", arguments=text[:4]), piece(index=at, name=name, arguments=text[4:]))],
    "nulls": [
        frame for at, (name, text) in enumerate(TWO) for frame in (
            piece(index=at, id=None, name=name, arguments=None),
            piece(index=at, id=None, name=None, arguments=text))],
    "in turns": [
        piece(index=at, **({"id": f"c{at}", "name": "weather"} if not part else {}), arguments=text)
        for part in range(3) for at, text in enumerate((cut(PORTO)[part], cut(FARO)[part]))],
}  # fmt: skip
ANTHROPIC_STREAMS = {
    "as documented": anthropic(use(0, "", *cut(PORTO)), use(1, *cut(FARO))),
    "after a text": anthropic(
        block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Let me see."}),
        use(1, PORTO),
        use(2, FARO),
    ),
    "the input at the start": anthropic(
        use(0, input={"city": "Porto"}), use(1, input={"city": "Faro"})
    ),
    "beside the provider's own tool": anthropic(
        block(
            0,
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"query": "x"}'},
        ),
        use(1, PORTO),
        use(2, FARO),
    ),
}


@pytest.mark.parametrize("finish", ["tool_calls", "stop", "function_call"])
@pytest.mark.parametrize("form", OPENAI_STREAMS)
async def test_calls_in_any_form_of_openais_are_told_in_one(
    wired: ProviderClient, wire: Wire, form: str, finish: str
) -> None:
    wire.say(*OPENAI_STREAMS[form], *openai_frames(finish=finish), "data: [DONE]\n\n")

    chunks = await heard(wired, GPT)

    assert [(name, json.loads(text)) for name, text in calls_of(chunks)] == [
        (name, json.loads(text)) for name, text in TWO
    ]
    assert chunks[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize("form", ANTHROPIC_STREAMS)
async def test_calls_of_anthropics_are_told_in_the_same(
    wired: ProviderClient, wire: Wire, form: str
) -> None:
    wire.say(*ANTHROPIC_STREAMS[form])

    chunks = await heard(wired, CLAUDE)

    assert calls_of(chunks) == TWO
    assert chunks[-1].finish_reason == "tool_calls"
    assert "".join(chunk.text for chunk in chunks) == (
        "Let me see." if form == "after a text" else ""
    )


async def test_a_whole_answer_instead_of_a_stream_has_its_calls(
    wired: ProviderClient, wire: Wire
) -> None:
    listed = [
        {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": text}}
        for at, (name, text) in enumerate(TWO)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": listed}
    wire.answer({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    assert calls_of(await heard(wired, GPT)) == TWO

    blocks = [
        {"type": "tool_use", "id": f"t{at}", "name": name, "input": json.loads(text)}
        for at, (name, text) in enumerate(TWO)
    ]
    wire.answer({"type": "message", "content": blocks, "stop_reason": "tool_use"})
    assert calls_of(await heard(wired, CLAUDE)) == TWO


async def test_a_call_without_arguments_has_an_empty_object(
    wired: ProviderClient, wire: Wire
) -> None:
    wire.say(piece(index=0, id="c", name="now", arguments=""), *openai_frames(finish="tool_calls"))
    assert calls_of(await heard(wired, GPT)) == [("now", "{}")]
    wire.say(*anthropic(use(0, name="now")))
    assert calls_of(await heard(wired, CLAUDE)) == [("now", "{}")]


async def test_arguments_are_clean_text(wired: ProviderClient, wire: Wire) -> None:
    wire.say(
        piece(index=0, id="c\ud83d", name="say\x00", arguments='{"a": "\ud83d'),
        piece(index=0, arguments='\ude00 \udc00"}'),
        *openai_frames(finish="tool_calls"),
    )
    assert calls_of(await heard(wired, GPT)) == [("say", '{"a": "😀 \ufffd"}')]


async def test_calls_take_an_early_finish_back(wired: ProviderClient, wire: Wire) -> None:
    early = openai_frames(finish="stop")
    wire.say(*OPENAI_STREAMS["as documented"][:1], *early, *OPENAI_STREAMS["as documented"][1:])

    with pytest.raises(ProviderStreamBroken):
        await heard(wired, GPT)


@pytest.mark.parametrize(
    "frames",
    [
        [piece(index=0, id="c", arguments="{}")],
        [piece(index=0, id="c", name={"a": 1}, arguments="{}")],
        [piece(index=at, id=f"c{at}", name="f", arguments="{}") for at in range(4)],
        [piece(index=0, id="c", name="f", arguments="x" * 101)],
        [delta(tool_calls=7)],
    ],
    ids=["no name", "an odd name", "too many", "too long", "no list"],
)
async def test_what_is_no_call_breaks_the_stream(
    wired: ProviderClient, wire: Wire, frames: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_calls, "MOST_CALLS", 3)
    monkeypatch.setattr(tool_calls, "MOST_ARGUMENTS", 100)
    wire.say(*frames, *openai_frames(finish="tool_calls"))

    with pytest.raises(ProviderStreamBroken):
        await heard(wired, GPT)


async def test_calls_of_tools_that_were_not_offered_are_left_out(
    wired: ProviderClient, wire: Wire
) -> None:
    wire.say(*OPENAI_STREAMS["as documented"], *openai_frames(finish="tool_calls"))
    with pytest.raises(ProviderStreamBroken):
        await heard(wired, GPT, tools=[])


async def test_a_refusal_is_no_answer(wired: ProviderClient, wire: Wire) -> None:
    wire.say(delta(refusal="I can't "), delta(refusal="help."), *openai_frames(finish="stop"))
    with pytest.raises(ProviderRefused):
        await heard(wired, GPT)


THOUGHTS = {
    "reasoning_content": (GPT, [delta(reasoning_content="Hm, "), delta(reasoning_content="so.")]),
    "reasoning": (GPT, [delta(reasoning="Hm, "), delta(reasoning="so.")]),
    "tags": (GPT, [delta(content="<thi"), delta(content="nk>Hm, so.</th"), delta(content="ink>\n")]),
    "parts": (GPT, [delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Hm, so."}]}])]),
}  # fmt: skip


@pytest.mark.parametrize("form", THOUGHTS)
async def test_thoughts_are_told_beside_the_text(
    wired: ProviderClient, wire: Wire, form: str
) -> None:
    model, said = THOUGHTS[form]
    wire.say(*said, *openai_frames("Yes."))

    chunks = await heard(wired, model)

    assert "".join(chunk.thought for chunk in chunks) == "Hm, so."
    assert "".join(chunk.text for chunk in chunks) == "Yes."


async def test_anthropics_thinking_is_a_thought(wired: ProviderClient, wire: Wire) -> None:
    thinking = [{"type": "thinking_delta", "thinking": part} for part in ("Hm, ", "so.")]
    wire.say(
        *anthropic(
            block(0, {"type": "thinking", "thinking": ""}, *thinking),
            block(1, {"type": "redacted_thinking", "data": "AAAA"}),
            block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Yes."}),
            finish="end_turn",
        )
    )

    chunks = await heard(wired, CLAUDE)

    assert "".join(chunk.thought for chunk in chunks) == "Hm, so."
    assert "".join(chunk.text for chunk in chunks) == "Yes."


async def test_an_older_claudes_json_is_text(wired: ProviderClient, wire: Wire) -> None:
    wire.say(*anthropic(use(0, *cut(PORTO), name="json_tool_call")))

    chunks = await heard(wired, CLAUDE)

    assert "".join(chunk.text for chunk in chunks) == PORTO
    assert not any(chunk.tool_calls for chunk in chunks)
    assert chunks[-1].finish_reason == "stop"


async def test_log_probabilities_come_with_their_text(wired: ProviderClient, wire: Wire) -> None:
    def token(text: str, **more: Any) -> dict[str, Any]:
        return {"token": text, "logprob": -0.5, "bytes": list(text.encode()), **more}

    def said(text: str, *tokens: Any) -> str:
        choice = {"index": 0, "delta": {"content": text}, "logprobs": {"content": list(tokens)}}
        return openai_chunk({"choices": [choice]})

    other = [token("No"), {"token": 7}, None]
    wire.say(
        said("\n", token("\n")),
        said("Yes", token("Yes", top_logprobs=other)),
        said(".", {"token": "\ud83d", "logprob": -1, "bytes": [300]}, {"token": "x"}, 7),
        *openai_frames(finish="stop"),
    )

    chunks = await heard(wired, GPT)

    assert [item for chunk in chunks for item in chunk.logprobs] == [
        token("\n", top_logprobs=[]),
        token("Yes", top_logprobs=[token("No")]),
        {"token": "\ufffd", "logprob": -1.0, "bytes": None, "top_logprobs": []},
    ]
    assert all(chunk.text for chunk in chunks if chunk.logprobs)
