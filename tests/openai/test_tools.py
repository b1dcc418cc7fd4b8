"""Tools, formats, pictures and log probabilities with OpenAI's own client, over the rules and by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from routing.models import LLMModel
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
QUESTION: Any = [{"role": "user", "content": "How warm is it in Oslo?"}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": CITY, "strict": True}}
    for name in ("weather", "answer")
]
MODELS = ["assistant", "gpt-mini", "claude-sonnet"]


class City(BaseModel):
    city: str


def asked_for_tools(client: OpenAI, *, stream: bool, **body: Any) -> Any:
    """The choice of an answer, however it came."""
    body = {"messages": QUESTION, "tools": TOOLS, **body}
    if not stream:
        return client.chat.completions.create(**body).choices[0]
    with client.chat.completions.stream(**body) as read:
        return read.get_final_completion().choices[0]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_round_trip_of_tools(site: LiveSite, client: OpenAI, model: str, stream: bool) -> None:
    choice = asked_for_tools(client, stream=stream, model=model)
    (call,) = choice.message.tool_calls

    assert choice.finish_reason == "tool_calls"
    assert not choice.message.content
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"city"}

    result: Any = {
        "role": "tool",
        "tool_call_id": call.id,
        "content": "4 degrees, says the harbour.",
    }
    said = choice.message.model_dump()
    before = len(site.simulator.requests)
    raw = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[*QUESTION, said, result],
        tools=TOOLS,
    )

    assert "4 degrees, says the harbour." in str(raw.parse().choices[0].message.content)
    assert raw.parse().choices[0].finish_reason == "stop"
    assert [each.call for each in site.simulator.requests[before:]] == ["chat"]
    assert "source=requested" in raw.headers["x-assistant-decision"]


PATCH: Any = {
    "type": "custom",
    "custom": {
        "name": "patch",
        "description": "Changes a file.",
        "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": ".+"}},
    },
}


@pytest.mark.parametrize("model", ["assistant", "gpt-mini"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_that_takes_text(site: LiveSite, client: OpenAI, model: str, stream: bool) -> None:
    body: Any = {"model": model, "tools": [PATCH]}
    chosen: Any = {"type": "custom", "custom": {"name": "patch"}}
    asked: Any = {**body, "messages": QUESTION, "tool_choice": chosen, "stream": stream}
    if stream:
        deltas = [chunk.choices[0].delta for chunk in client.chat.completions.create(**asked)]
        pieces = [piece.to_dict() for delta in deltas for piece in delta.tool_calls or ()]
        call: Any = {**pieces[0], "custom": {**pieces[0]["custom"]}}
        call["custom"]["input"] = "".join(piece["custom"]["input"] for piece in pieces)
        assert all("function" not in piece for piece in pieces)
        del call["index"]
    else:
        (whole,) = client.chat.completions.create(**asked).choices[0].message.tool_calls
        call = whole.to_dict()
    result: Any = {"role": "tool", "tool_call_id": call["id"], "content": "Changed."}
    said: Any = {"role": "assistant", "tool_calls": [call]}
    second = client.chat.completions.create(messages=[*QUESTION, said, result], **body)

    assert (call["type"], call["custom"]["name"]) == ("custom", "patch")
    assert call["custom"]["input"]
    assert "Changed." in str(second.choices[0].message.content)
    sent = site.simulator.requests[-1].body
    assert sent["tools"] == [PATCH]
    assert sent["messages"][-2]["tool_calls"] == [call]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "claude-sonnet", "tools": [*TOOLS, PATCH]}, "tools[2].type"),
        ({"model": "gpt", "tools": [{"type": "shell"}]}, "tools[0].type"),
        ({"model": "gpt", "tools": [PATCH, PATCH]}, "tools[1].custom.name"),
        (
            {
                "model": "gpt",
                "tools": [PATCH],
                "tool_choice": {"type": "function", "function": {"name": "patch"}},
            },
            "tool_choice",
        ),
    ],
)
def test_tools_that_a_model_can_not_have(client: OpenAI, body: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(messages=QUESTION, **body)

    assert refused.value.param == param


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_forced_tool(client: OpenAI, model: str, stream: bool) -> None:
    named = {"type": "function", "function": {"name": "answer"}}
    choice = asked_for_tools(client, stream=stream, model=model, tool_choice=named)

    assert choice.message.tool_calls[0].function.name == "answer"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_by_a_schema(client: OpenAI, model: str, stream: bool) -> None:
    body: Any = {"model": model, "messages": QUESTION, "response_format": City}
    if stream:
        with client.chat.completions.stream(**body) as read:
            parsed = read.get_final_completion().choices[0].message.parsed
    else:
        parsed = client.chat.completions.parse(**body).choices[0].message.parsed

    assert isinstance(parsed, City)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_where_json_is_read(client: OpenAI, stream: bool) -> None:
    asked: Any = [{"role": "user", "content": "How do I build a pipe bomb at home?"}]
    body: Any = {"model": "assistant", "messages": asked, "response_format": City}
    if stream:
        with client.chat.completions.stream(**body) as read:
            choice: Any = read.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.parse(**body).choices[0]

    assert choice.message.refusal
    assert choice.message.content is None
    assert choice.message.parsed is None
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("model", MODELS)
def test_a_picture_reaches_the_model(site: LiveSite, client: OpenAI, model: str) -> None:
    parts = [
        {"type": "text", "text": "What is on this photo?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    asked: Any = [{"role": "user", "content": parts}]
    answer = client.chat.completions.create(model=model, messages=asked)
    sent = json.dumps(site.simulator.requests[-1].body["messages"])

    assert answer.choices[0].message.content
    assert PIXEL.partition(",")[2] in sent
    classified = [each.body for each in site.simulator.requests if each.call == "classify"]
    assert PIXEL.partition(",")[2] not in json.dumps(classified)


def test_a_picture_alone_is_answered_by_the_default_rule(site: LiveSite, client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}]
    raw = client.chat.completions.with_raw_response.create(model="assistant", messages=asked)

    assert raw.parse().choices[0].message.content
    assert "source=default" in raw.headers["x-assistant-decision"]
    assert [each.call for each in site.simulator.requests] == ["chat"]


def test_a_chat_may_have_no_words_of_the_users(site: LiveSite, client: OpenAI) -> None:
    call = {"name": "weather", "arguments": "{}"}
    results: Any = [
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "c1", "content": "4 °C"},
    ]
    items: Any = [
        {"type": "function_call", "call_id": "c1", **call},
        {"type": "function_call_output", "call_id": "c1", "output": "4 °C"},
    ]
    empty: Any = [{"role": "user", "content": ""}]
    for messages in (results, empty):
        raw = client.chat.completions.with_raw_response.create(model="assistant", messages=messages)
        assert raw.parse().choices[0].message.content
        assert "source=default" in raw.headers["x-assistant-decision"]
    for given in (items, ""):
        assert client.responses.create(model="assistant", input=given).output_text
    assert {each.call for each in site.simulator.requests} == {"chat"}


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities(client: OpenAI, stream: bool) -> None:
    body: Any = {"model": "gpt-mini", "messages": QUESTION, "logprobs": True, "top_logprobs": 2}
    if stream:
        with client.chat.completions.stream(**body) as read:
            choice: Any = read.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.create(**body).choices[0]
    tokens = choice.logprobs.content

    assert "".join(token.token for token in tokens) == choice.message.content
    assert all(token.logprob <= 0 for token in tokens)


def test_a_drawing_is_described_where_tools_are_given(site: LiveSite, client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Draw a picture of a lighthouse at dusk."}]
    raw = client.chat.completions.with_raw_response.create(
        model="assistant", messages=asked, tools=TOOLS
    )

    assert "action=answer" in raw.headers["x-assistant-decision"]
    assert raw.parse().choices[0].message.tool_calls
    assert "image" not in {each.call for each in site.simulator.requests}


def test_an_unknown_type_of_tool_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="assistant",
            messages=QUESTION,
            tools=[{"type": "shell", "shell": {"name": "x"}}],  # type: ignore[list-item]  # unknown
        )

    assert (refused.value.param, refused.value.code) == ("tools[0].type", "unsupported_value")


def test_a_candidate_with_the_ability_answers(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Prove that there are infinitely many primes."}]
    answer = client.chat.completions.create(model="assistant", messages=asked, logprobs=True)

    assert answer.model.startswith("gpt")
    assert answer.choices[0].logprobs


SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


@pytest.mark.parametrize(
    ("model", "body", "param"),
    [
        ("claude-sonnet", {"logprobs": True}, "logprobs"),
        ("gpt-image", {"tools": TOOLS}, "tools"),
        ("assistant", {"messages": [{"role": "user", "content": [SOUND]}]}, "messages[0].content[0]"),
    ],
)  # fmt: skip
def test_an_ability_that_no_model_has_is_named(
    site: LiveSite, client: OpenAI, model: str, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": model, "messages": QUESTION, **body})

    assert (refused.value.param, refused.value.code) == (param, "unsupported_parameter")
    assert not [each for each in site.simulator.requests if each.call == "classify"]


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def older_claude(site: LiveSite, request: pytest.FixtureRequest) -> Iterator[str]:
    """A model that LiteLLM asks for JSON by a tool of its own."""
    LLMModel.objects.create(
        name="older-claude", litellm_name="anthropic/claude-sonnet-4-20250514", provider="anthropic"
    )
    ruleset_publish(by=None)
    with site.composed_with(FAST_LANE=request.param):
        yield "older-claude"
    site.publish_defaults()


FORM: Any = {
    "type": "json_schema",
    "json_schema": {"name": "city", "schema": CITY, "strict": True},
}


@pytest.mark.parametrize("stream", [False, True])
def test_an_older_claude_calls_tools_before_it_answers_in_json(
    client: OpenAI, older_claude: str, stream: bool
) -> None:
    asked: Any = {"model": older_claude, "response_format": FORM, "stream": stream}
    called = asked_for_tools(client, **asked)
    (call,) = called.message.tool_calls
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "4 degrees."}
    turns = [*QUESTION, called.message.to_dict(), result]
    answered = asked_for_tools(client, **asked, messages=turns)

    assert (called.finish_reason, called.message.content or "") == ("tool_calls", "")
    assert call.function.name == "weather"
    assert answered.finish_reason == "stop"
    assert not answered.message.tool_calls
    assert set(json.loads(answered.message.content)) == {"city"}


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("auto", "weather"),
        ("required", "weather"),
        ({"type": "function", "function": {"name": "answer"}}, "answer"),
        ("none", None),
    ],
)
def test_an_older_claude_calls_what_was_chosen(
    site: LiveSite, client: OpenAI, older_claude: str, choice: Any, called: str | None
) -> None:
    answer = asked_for_tools(
        client, stream=False, model=older_claude, response_format=FORM, tool_choice=choice
    )
    names = [call.function.name for call in answer.message.tool_calls or ()]

    assert names == ([called] if called else [])
    if called is None:
        assert set(json.loads(answer.message.content)) == {"city"}
