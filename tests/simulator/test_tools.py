"""Tools, thoughts, pictures and log probabilities of the simulator, by the providers' own clients."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from assistant_site.simulator.tools import Tool, called_tool

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NAMES = ("weather", "answer")
FUNCTIONS: Any = [
    {"type": "function", "function": {"name": name, "parameters": CITY}} for name in NAMES
]
TOOLS: Any = [{"name": name, "input_schema": CITY} for name in NAMES]
HELLO: Any = [{"role": "user", "content": "What is the weather in Porto?"}]


@pytest.mark.parametrize("stream", [False, True])
def test_gpt_calls_the_first_function_and_then_speaks(gpt: openai.OpenAI, stream: bool) -> None:
    settings: Any = {"model": "gpt-4o", "tools": FUNCTIONS}
    if stream:
        with gpt.chat.completions.stream(messages=HELLO, **settings) as read:
            answer: Any = read.get_final_completion()
    else:
        answer = gpt.chat.completions.create(messages=HELLO, **settings)
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, answer.choices[0].finish_reason) == ("weather", "tool_calls")
    assert set(json.loads(call.function.arguments)) == {"city"}

    said: Any = {
        "role": "assistant",
        "tool_calls": [call.model_dump(include={"id", "type", "function"})],
    }
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 degrees."}
    spoken = gpt.chat.completions.create(messages=[*HELLO, said, result], **settings)
    assert "Sunny, 21 degrees." in str(spoken.choices[0].message.content)
    assert spoken.choices[0].message.tool_calls is None

    with pytest.raises(openai.BadRequestError):
        gpt.chat.completions.create(messages=[*HELLO, result], **settings)
    with pytest.raises(openai.BadRequestError):
        gpt.chat.completions.create(messages=[*HELLO, said], **settings)


@pytest.mark.parametrize("stream", [False, True])
def test_claude_calls_the_first_tool_and_then_speaks(
    claude: anthropic.Anthropic, stream: bool
) -> None:
    settings: Any = {"model": "claude-haiku-4-5", "tools": TOOLS, "max_tokens": 4_000}
    if stream:
        with claude.messages.stream(messages=HELLO, **settings) as read:
            answer: Any = read.get_final_message()
    else:
        answer = claude.messages.create(messages=HELLO, **settings)
    (call,) = answer.content
    assert (call.name, set(call.input), answer.stop_reason) == ("weather", {"city"}, "tool_use")

    said: Any = {
        "role": "assistant",
        "content": [call.model_dump(include={"type", "id", "name", "input"})],
    }
    sunny = [{"type": "text", "text": "Sunny."}]
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": sunny}
    turn: Any = {"role": "user", "content": [result]}
    spoken: Any = claude.messages.create(messages=[*HELLO, said, turn], **settings)
    assert "Sunny." in spoken.content[0].text

    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(messages=[*HELLO, turn], **settings)
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(messages=[*HELLO, said], **settings)


def test_a_thought_comes_before_the_call(gpt: openai.OpenAI) -> None:
    asked: Any = {"model": "gpt-4o", "messages": HELLO, "tools": FUNCTIONS, "stream": True}
    chunks = gpt.chat.completions.create(**asked, reasoning_effort="low")
    deltas = [chunk.choices[0].delta.model_dump(exclude_none=True) for chunk in chunks]
    thought = [at for at, delta in enumerate(deltas) if "reasoning_content" in delta]
    called = [at for at, delta in enumerate(deltas) if "tool_calls" in delta]

    assert max(thought) < min(called)
    assert deltas[called[0]]["tool_calls"][0]["function"]["name"]


def test_thoughts_and_pictures(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts: Any = [{"role": "user", "content": [{"type": "text", "text": "Look."}, picture]}]
    thinking: Any = gpt.chat.completions.create(
        model="gpt-4o", messages=parts, reasoning_effort="low"
    )
    message = thinking.choices[0].message
    assert "thinks" in message.reasoning_content
    assert "1 picture" in message.content
    assert thinking.usage.completion_tokens_details.reasoning_tokens > 3

    budget: Any = {"type": "enabled", "budget_tokens": 1_024}
    with claude.messages.stream(
        model="claude-haiku-4-5", messages=HELLO, max_tokens=4_000, thinking=budget
    ) as read:
        answer: Any = read.get_final_message()
    assert [block.type for block in answer.content] == ["thinking", "text"]
    back: Any = [
        *HELLO,
        {"role": "assistant", "content": answer.model_dump()["content"][:1]},
        *HELLO,
    ]
    again: Any = {"model": "claude-haiku-4-5", "max_tokens": 4_000, "thinking": budget}
    assert claude.messages.create(messages=back, **again).content
    back[1]["content"][0]["thinking"] += " And more."
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        claude.messages.create(messages=back, **again)
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(
            model="claude-haiku-4-5", messages=HELLO, max_tokens=1_024, thinking=budget
        )


def test_log_probabilities_are_those_of_the_text(gpt: openai.OpenAI) -> None:
    read = gpt.chat.completions.create(
        model="gpt-4o", messages=HELLO, logprobs=True, top_logprobs=2, stream=True
    )
    texts, tokens = [], []
    for chunk in read:
        if chunk.choices:
            texts.append(chunk.choices[0].delta.content or "")
            logprobs = chunk.choices[0].logprobs
            tokens += (logprobs.content or []) if logprobs else []
    assert "".join(texts) == "".join(token.token for token in tokens)
    assert all(len(token.top_logprobs) == 2 for token in tokens)


@pytest.mark.pure
def test_a_model_that_must_call_comes_to_an_end() -> None:
    tools = [Tool(name, CITY) for name in NAMES]
    assert called_tool(tools, "any", (), answered=False) == tools[0]
    assert called_tool(tools, "any", ("weather",), answered=True) == tools[1]
    assert called_tool(tools, "any", NAMES, answered=True) == tools[1]
    assert called_tool(tools, "none", (), answered=False) is None
    assert called_tool([], "any", (), answered=False) is None


def test_a_schema_may_hold_itself(gpt: openai.OpenAI) -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    form: Any = {"name": "list", "schema": {"$ref": "#/$defs/node", "$defs": {"node": node}}}
    settings: Any = {"response_format": {"type": "json_schema", "json_schema": form}}
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, **settings)

    assert json.loads(answer.choices[0].message.content or "") == {"next": None}


@pytest.mark.parametrize(
    "schema", [{"properties": 7}, {"$ref": "#/$defs/none"}, {"type": "date"}, {"anyOf": 1}]
)
def test_what_is_no_schema_is_a_fault_of_the_request(
    gpt: openai.OpenAI, schema: dict[str, Any]
) -> None:
    settings: Any = {
        "tools": [{"type": "function", "function": {"name": "a", "parameters": schema}}]
    }
    with pytest.raises(openai.BadRequestError, match="Invalid schema"):
        gpt.chat.completions.create(model="gpt-4o", messages=HELLO, **settings)
