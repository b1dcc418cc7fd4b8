"""Bodies of chat completions: read strictly, with the path of a fault; no server is asked."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.api.openai.chat_messages import AssistantMessage
from conversations.api.openai.chat_request import CompletionRequest, parse_completion_request
from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.items_as_chat import chat_of
from conversations.api.openai.response_request import parse_response_request
from routing.domain.llm import ChatMessage

pytestmark = pytest.mark.pure

USER = {"role": "user", "content": "How warm is it in Oslo?"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "4 °C"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object"}}}


def read(**body: Any) -> CompletionRequest:
    return parse_completion_request(
        {"model": "assistant", "messages": [USER], **body}, lenient=False
    )[0]


def asked(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*parts]}]}


def picture(url: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "weather", **function}}


INVALID, UNSUPPORTED = "invalid_value", "unsupported_value"
MISSING, UNKNOWN = "missing_required_parameter", "unknown_parameter"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"messages": [{"content": "x"}]}, "messages[0].role", MISSING),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", UNSUPPORTED),
        ({"messages": [{"role": "user"}]}, "messages[0].content", MISSING),
        ({"messages": [{**USER, "mood": 1}]}, "messages[0].mood", UNKNOWN),
        ({"messages": [{**USER, "name": "x" * 65}]}, "messages[0].name", INVALID),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", INVALID),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", INVALID),
        (asked({"type": "video"}), "messages[0].content[0].type", UNSUPPORTED),
        (asked({"text": "x"}), "messages[0].content[0].type", MISSING),
        (asked({"type": "text", "text": 5}), "messages[0].content[0].text", INVALID),
        (asked({"type": "text"}), "messages[0].content[0].text", MISSING),
        (
            asked({"type": "text", "text": "x", "cache_control": {"type": "forever"}}),
            "messages[0].content[0].cache_control.type",
            UNSUPPORTED,
        ),
        (asked(picture("ftp://x")), "messages[0].content[0].image_url.url", INVALID),
        (asked(picture("http://x.example/a.png")), "messages[0].content[0].image_url.url", INVALID),
        (asked(picture("https://x.example/a b")), "messages[0].content[0].image_url.url", INVALID),
        (asked(picture("https://x/" + "a" * 9_000)), "messages[0].content[0].image_url.url", INVALID),
        (asked(picture("data:image/svg+xml;base64,AAAA")), "messages[0].content[0].image_url.url", INVALID),
        (asked(picture("data:image/png;base64,a?")), "messages[0].content[0].image_url.url", INVALID),
        (asked(picture("data:image/png;base64,")), "messages[0].content[0].image_url.url", INVALID),
        (asked(picture(PIXEL, detail="huge")), "messages[0].content[0].image_url.detail", UNSUPPORTED),
        (asked({"type": "image_url"}), "messages[0].content[0].image_url", MISSING),
        (asked({"type": "file", "file": {"file_id": "f"}}), "messages[0].content[0].file.file_data", MISSING),
        (asked({"type": "file", "file": {"file_data": "x"}}), "messages[0].content[0].file.file_data", INVALID),
        (
            asked({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "ogg"}}),
            "messages[0].content[0].input_audio.format",
            UNSUPPORTED,
        ),
        ({"messages": [{"role": "system", "content": [picture(PIXEL)]}, USER]}, "messages[0].content[0].type", UNSUPPORTED),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0].role", UNSUPPORTED),
        ({"messages": [USER, {"role": "assistant", "content": "I"}]}, "messages[1].role", UNSUPPORTED),
        ({"messages": [USER, {"role": "assistant", "content": None}, USER]}, "messages[1].content", INVALID),
        ({"messages": [USER, CALLS]}, "messages[1]", INVALID),
        ({"messages": [USER, CALLS, USER]}, "messages[1]", INVALID),
        ({"messages": [USER, RESULT]}, "messages[1].tool_call_id", INVALID),
        ({"messages": [USER, CALLS, RESULT, RESULT]}, "messages[3].tool_call_id", INVALID),
        ({"messages": [USER, CALLS, {**RESULT, "tool_call_id": "other"}]}, "messages[2].tool_call_id", INVALID),
        ({"messages": [USER, CALLS, RESULT, USER, RESULT]}, "messages[4].tool_call_id", INVALID),
        ({"messages": [USER, CALLS, {"role": "tool", "content": "x"}]}, "messages[2].tool_call_id", MISSING),
        (
            {"messages": [USER, {**CALLS, "tool_calls": [CALL, CALL]}, RESULT]},
            "messages[1].tool_calls[1].id",
            INVALID,
        ),
        (
            {"messages": [USER, {**CALLS, "tool_calls": [{**CALL, "type": "shell"}]}, RESULT]},
            "messages[1].tool_calls[0].type",
            UNSUPPORTED,
        ),
        (
            {"messages": [USER, {**CALLS, "tool_calls": [{**CALL, "function": {"name": "x"}}]}, RESULT]},
            "messages[1].tool_calls[0].function.arguments",
            MISSING,
        ),
        ({"tools": [TOOL] * 129}, "tools", INVALID),
        ({"tools": [TOOL, TOOL]}, "tools[1].function.name", INVALID),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", UNSUPPORTED),
        ({"tools": [tool(name="a b")]}, "tools[0].function.name", INVALID),
        ({"tools": [tool(parameters=[])]}, "tools[0].function.parameters", INVALID),
        ({"tools": [tool(parameters=deep(100))]}, "tools[0].function.parameters", INVALID),
        ({"tools": [tool(parameters={"x": "y" * 300_000})]}, "tools[0].function.parameters", INVALID),
        ({"tools": [tool(strict="yes")]}, "tools[0].function.strict", INVALID),
        ({"tool_choice": "required"}, "tool_choice", INVALID),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice", UNSUPPORTED),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "tool_choice",
            INVALID,
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "function": {"name": "weather"}}},
            "tool_choice.type",
            UNSUPPORTED,
        ),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls", INVALID),
        ({"response_format": {"type": "xml"}}, "response_format.type", UNSUPPORTED),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", MISSING),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": deep(100)}}},
            "response_format.json_schema.schema",
            INVALID,
        ),
        ({"top_logprobs": 3}, "top_logprobs", INVALID),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", INVALID),
        ({"metadata": {f"k{number}": "v" for number in range(17)}}, "metadata", INVALID),
        ({"metadata": {"k": 5}}, "metadata.k", INVALID),
        ({"n": 2}, "n", "unsupported_parameter"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
        ({"functions": [{"name": "x"}]}, "functions", "unsupported_parameter"),
        ({"web_search_options": {}}, "web_search_options", "unsupported_parameter"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_path(body: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(ParameterFault) as refused:
        read(**body)
    fault = refused.value.faults[0]

    assert (fault.field, fault.code) == (param, code)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [USER] * 4_000},
        {"messages": [USER, CALLS, RESULT]},
        {"messages": [USER, CALLS, RESULT, {"role": "assistant", "content": "4"}, USER]},
        {"messages": [USER, CALLS, RESULT, {"role": "system", "content": "Be brief."}]},
        {"messages": [{"role": "developer", "content": "Be brief."}, USER]},
        {"tools": [tool(parameters=deep(60))], "tool_choice": "none"},
        {"tools": [], "tool_choice": "none", "parallel_tool_calls": False},
        {"response_format": {"type": "text"}, "n": 1, "logprobs": False, "modalities": ["text"]},
        {"stop": [], "metadata": {"session_id": "s"}},
    ],
)
def test_what_clients_send_is_read(body: dict[str, Any]) -> None:
    assert read(**body).prompt == USER["content"]


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1.0},
        {"top_logprobs": 0.0},
        {"stop": ""},
        {"frequency_penalty": 0, "tool_choice": "auto", "tools": []},
        {"stream": True, "stream_options": {"include_usage": None, "include_obfuscation": None}},
    ],
)
def test_what_asks_for_nothing_is_not_sent(body: dict[str, Any]) -> None:
    assert read(**body).options == {}


@pytest.mark.parametrize("name", ["n", "top_logprobs"])
def test_true_is_no_number(name: str) -> None:
    with pytest.raises(ParameterFault):
        read(**{name: True})


def test_fields_that_clients_send_back_are_left_out() -> None:
    said = {
        "role": "assistant",
        "content": "Hello",
        "refusal": None,
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "annotations": [],
        "reasoning_content": "Hm.",
        "thinking_blocks": [{"type": "thinking"}],
    }
    chat = read(messages=[USER, said, USER]).caller_chat()

    assert chat.messages[1] == ChatMessage("assistant", "Hello")


def test_messages_with_more_than_text_keep_their_form() -> None:
    parts = [{"type": "text", "text": "What "}, picture(PIXEL, detail="low")]
    marked = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}
    index = {**CALL, "index": 0}
    chat = read(
        messages=[
            {"role": "developer", "content": [marked]},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": "Wait.", "tool_calls": [index]},
            {**RESULT, "content": [{"type": "text", "text": "4"}, {"type": "text", "text": " °C"}]},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ]
    ).caller_chat()  # fmt: skip

    assert [(each.role, each.content, each.form) for each in chat.messages] == [
        ("system", "Long.", {"role": "system", "content": [marked]}),
        ("user", "What ", {"role": "user", "content": parts}),
        ("assistant", "Wait.", {"role": "assistant", "content": "Wait.", "tool_calls": [CALL]}),
        ("tool", "4 °C", {**RESULT, "content": "4 °C"}),
        ("user", "ab", None),
    ]
    assert not chat.plain


def test_the_results_at_the_end_name_their_calls() -> None:
    other = {**CALL, "id": "call_2"}
    calls = {**CALLS, "tool_calls": [CALL, other]}
    results = [RESULT, {**RESULT, "tool_call_id": "call_2"}]

    assert read(messages=[USER, calls, *results]).caller_chat().results == ("call_2", "call_1")
    assert read(messages=[USER, CALLS, RESULT, USER]).caller_chat().results == ()


def test_options_are_plain_json_without_what_asks_for_nothing() -> None:
    asked = read(
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
        response_format=SCHEMA,
        logprobs=True,
        top_logprobs=2,
        max_tokens=9,
        presence_penalty=0,
    )

    assert asked.options == {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "response_format": SCHEMA,
        "logprobs": True,
        "top_logprobs": 2,
        "max_tokens": 9,
    }
    assert read(tool_choice="auto", parallel_tool_calls=False, stop=[]).options == {}
    assert read(tools=[TOOL], tool_choice="auto", parallel_tool_calls=True).options == {
        "tools": [TOOL]
    }


def test_a_picture_alone_asks_without_words() -> None:
    assert read(**asked(picture(PIXEL))).asks_without_words
    assert not read(**asked({"type": "text", "text": "x"}, picture(PIXEL))).asks_without_words


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([{"role": "user", "content": ""}], ""),
        ([{"role": "user", "content": [{"type": "text", "text": " \n"}]}], " \n"),
        ([{"role": "system", "content": ""}], ""),
        ([USER, {"role": "user", "content": " "}], USER["content"]),
        ([CALLS, RESULT], ""),
        ([{"role": "system", "content": "Be brief."}, CALLS, RESULT], ""),
        ([USER, CALLS, RESULT], USER["content"]),
    ],
)
def test_the_prompt_is_the_last_text_of_the_users(messages: list[Any], prompt: str) -> None:
    request = read(messages=messages)

    assert request.prompt == prompt
    assert request.asks_without_words is not bool(prompt.strip())
    # No answer to nothing is kept for others.
    assert request.caller_chat().plain is (messages[-1]["role"] == "user" and bool(prompt.strip()))


def test_the_choice_among_no_tools_is_not_sent() -> None:
    assert read(tool_choice="none").options == {}


def test_instructions_alone_are_the_prompt() -> None:
    asked = read(
        messages=[{"role": "system", "content": "A."}, {"role": "system", "content": "B."}]
    )

    assert asked.prompt == "B."
    assert asked.caller_chat().messages == (ChatMessage("system", "A."), ChatMessage("user", "B."))


@pytest.mark.parametrize(
    ("body", "dropped"),
    [
        ({"messages": [{**USER, "foo": 1, "bar": [{}]}]}, ["messages[0].foo", "messages[0].bar"]),
        (
            asked({"type": "text", "text": "Hi", "text_style": 1}, picture(PIXEL, zoom=2)),
            ["messages[0].content[0].text_style", "messages[0].content[1].image_url.zoom"],
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "x": 1}, "y": 1}},
            ["response_format.json_schema.x", "response_format.y"],
        ),
        ({"stream": True, "stream_options": {"include_usage": True, "z": 1}}, ["stream_options.z"]),
        ({"top_k": 1, "tools": [{**TOOL, "odd": 1}, tool(name="b", x=2)]}, ["top_k", "tools[0].odd", "tools[1].function.x"]),
        ({"tools": [{"type": "web_search"}, TOOL, {"type": "mcp", "a": {}}]}, ["tools[0]", "tools[2]"]),
        ({"tools": [{"type": "web_search"}], "tool_choice": "required"}, ["tools[0]", "tool_choice"]),
        ({"tools": [{"type": "web_search"}], "tool_choice": "auto"}, ["tools[0]"]),
        ({"tools": [{"type": "mcp"}, TOOL], "tool_choice": {"type": "mcp", "a": 1}}, ["tools[0]", "tool_choice"]),
        ({"tools": [{"type": "mcp"}], "tool_choice": {"type": "mcp"}}, ["tools[0]", "tool_choice"]),
        ({"messages": [{**USER, "a\r\nb: c": 1}]}, ["messages[0].a__b__c"]),
        ({"messages": [{**USER, "x" * 500: 1}]}, ["messages[0]." + "x" * 64]),
    ],
)  # fmt: skip
def test_a_lenient_reader_drops_and_names_unknown_fields_on_any_level(
    body: dict[str, Any], dropped: list[str]
) -> None:
    whole = {"model": "assistant", "messages": [USER], **body}
    request, named = parse_completion_request(whole, lenient=True)

    assert sorted(named) == sorted(dropped)
    assert (
        parse_completion_request(
            request.model_dump(exclude_none=True, by_alias=True), lenient=False
        )[1]
        == []
    )


def test_a_lenient_reader_keeps_what_is_wrong_and_not_unknown() -> None:
    body = {"model": "assistant", "messages": [{"role": "user", "content": 7, "foo": 1}]}
    with pytest.raises(ParameterFault) as fault:
        parse_completion_request(body, lenient=True)

    assert fault.value.faults[0].field == "messages[0].content"


def test_responses_are_read_leniently_too() -> None:
    body = {
        "model": "assistant",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi", "foo": 1}]}],
        "tools": [{"type": "web_search"}],
        "include": ["web_search_call.action.sources", "reasoning.encrypted_content"],
    }
    request, named = parse_response_request(body, lenient=True)

    assert named == ["input[0].content[0].foo", "tools[0]", "include[0]"]
    assert (request.tools, request.include) == (None, ["reasoning.encrypted_content"])


@pytest.mark.parametrize("choice", ["required", {"type": "web_search"}, {"type": "allowed_tools", "tools": []}])  # fmt: skip
def test_a_lenient_reader_of_responses_drops_the_choice_of_dropped_tools(choice: Any) -> None:
    tools, body = [{"type": "web_search"}], {"model": "assistant", "input": "Hi"}
    request, named = parse_response_request(
        {**body, "tools": tools, "tool_choice": choice}, lenient=True
    )

    assert named == ["tools[0]", "tool_choice"]
    assert (request.tools, request.tool_choice) == (None, None)


def test_a_lenient_reader_keeps_a_choice_that_was_never_possible() -> None:
    body = {"model": "assistant", "messages": [USER], "tool_choice": "required"}
    for wrong in (body, {**body, "tools": [TOOL], "tool_choice": "perhaps"}):
        with pytest.raises(ParameterFault) as fault:
            parse_completion_request(wrong, lenient=True)

        assert fault.value.faults[0].field == "tool_choice"


def test_the_texts_of_thoughts_go_beside_the_calls_after_them() -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}, "odd", {"text": 7}]}  # fmt: skip
    called = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    chat = chat_of([("input[0]", thought), ("input[1]", called), ("input[2]", called)])

    (message,) = chat.messages
    assert message["reasoning_content"] == "Hm."
    assert len(message["tool_calls"]) == 2


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_have_either_name(name: str) -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    said: dict[str, Any] = {"role": "assistant", "tool_calls": [called], name: "Hm."}
    form = AssistantMessage(**said).chat_message().form
    assert form
    assert form["reasoning_content"] == "Hm."
