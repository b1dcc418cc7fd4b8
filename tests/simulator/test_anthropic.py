"""The Anthropic side, seen by the official SDK and on the wire."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import pytest

from assistant_site.simulator import Simulator

HELLO: Any = [{"role": "user", "content": "Explain tides"}]
MODEL = "claude-haiku-4-5"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "sunny": {"type": "boolean"}},
    "required": ["city", "sunny"],
    "additionalProperties": False,
}


def test_a_whole_answer_names_its_stand_in_and_counts_tokens(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(model=MODEL, max_tokens=500, messages=HELLO)
    assert answer.content[0].type == "text"
    assert MODEL in answer.content[0].text
    assert "simulated" in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 10


def test_a_stream_is_the_whole_answer_in_pieces(claude: anthropic.Anthropic) -> None:
    whole = claude.messages.create(model=MODEL, max_tokens=500, messages=HELLO)
    with claude.messages.stream(model=MODEL, max_tokens=500, messages=HELLO) as stream:
        texts = list(stream.text_stream)
        last = stream.get_final_message()
    assert whole.content[0].type == "text"
    assert "".join(texts) == whole.content[0].text
    assert len(texts) == whole.usage.output_tokens == last.usage.output_tokens
    assert last.stop_reason == "end_turn"


def test_the_stream_on_the_wire(sim: Simulator) -> None:
    response = _post(sim, model=MODEL, max_tokens=500, messages=HELLO, stream=True)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = [event.split("\n") for event in response.text.split("\n\n") if event]
    names = [lines[0].removeprefix("event: ") for lines in events]
    data = [json.loads(lines[1].removeprefix("data: ")) for lines in events]
    assert names == [item["type"] for item in data]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert set(names[3:-3]) == {"content_block_delta"}
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert data[0]["message"]["content"] == []
    assert data[0]["message"]["stop_reason"] is None
    assert data[0]["message"]["usage"]["input_tokens"] > 0
    assert data[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert data[-2]["usage"]["output_tokens"] == len(names) - 6


def test_every_answer_has_the_providers_headers(sim: Simulator) -> None:
    headers = _post(sim, model=MODEL, max_tokens=5, messages=HELLO).headers
    assert headers["request-id"].startswith("req_")
    assert headers["anthropic-ratelimit-requests-remaining"] == "3999"
    assert headers["anthropic-ratelimit-tokens-reset"].endswith("Z")


def test_the_token_limit_ends_an_answer_with_max_tokens(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(model=MODEL, max_tokens=5, messages=HELLO)
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 5)


def test_a_stop_sequence_is_named(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(
        model=MODEL, max_tokens=500, messages=HELLO, stop_sequences=["simulated"]
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "simulated")


@pytest.mark.parametrize(
    "form",
    [
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ],
)
def test_native_structured_output(claude: anthropic.Anthropic, form: dict[str, Any]) -> None:
    answer = claude.messages.create(model=MODEL, max_tokens=500, messages=HELLO, extra_body=form)
    assert answer.content[0].type == "text"
    assert set(json.loads(answer.content[0].text)) == {"city", "sunny"}
    assert answer.stop_reason == "end_turn"


def test_a_forced_tool_gets_its_input_whole_and_streamed(claude: anthropic.Anthropic) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 500,
        "messages": HELLO,
        "tools": [{"name": "report", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "report"},
    }
    whole = claude.messages.create(**asked)
    with claude.messages.stream(**asked) as stream:
        parts = [event.partial_json for event in stream if event.type == "input_json"]
        streamed = stream.get_final_message()
    for answer in (whole, streamed):
        assert answer.stop_reason == "tool_use"
        block: Any = answer.content[0]
        assert block.type == "tool_use"
        assert block.name == "report"
        assert block.input == {"city": f"Simulated by {MODEL}.", "sunny": False}
    assert len(parts) > 3


def test_tokens_are_counted_as_they_are_billed(claude: anthropic.Anthropic) -> None:
    counted = claude.messages.count_tokens(model=MODEL, messages=HELLO)
    answer = claude.messages.create(model=MODEL, max_tokens=5, messages=HELLO)
    assert counted.input_tokens == answer.usage.input_tokens


def test_models_are_listed(claude: anthropic.Anthropic) -> None:
    assert MODEL in [model.id for model in claude.models.list()]
    assert claude.models.retrieve(MODEL).type == "model"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"temperature": 1.5}, "temperature: range: 0..1"),
        ({"messages": [{"role": "user", "content": ""}]}, "must have non-empty content"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "first message must use"),
    ],
)
def test_wrong_requests_get_anthropics_400(
    sim: Simulator, change: dict[str, Any], message: str
) -> None:
    response = _post(sim, **{"model": MODEL, "max_tokens": 5, "messages": HELLO, **change})
    body = response.json()
    assert response.status_code == 400
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"
    assert message in body["error"]["message"]
    assert body["request_id"] == response.headers["request-id"]


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "x-api-key header is required"),
        ({"x-api-key": "k"}, 400, "anthropic-version: header is required"),
    ],
)
def test_key_and_version_are_required(
    sim: Simulator, headers: dict[str, str], status: int, message: str
) -> None:
    response = httpx.post(f"{sim.anthropic_url}/v1/messages", json={}, headers=headers)
    assert response.status_code == status
    assert response.json()["error"]["message"] == message


def _post(sim: Simulator, **body: Any) -> httpx.Response:
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    return httpx.post(f"{sim.anthropic_url}/v1/messages", json=body, headers=headers)
