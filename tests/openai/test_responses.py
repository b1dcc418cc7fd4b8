"""``/v1/responses`` with OpenAI's own client: objects, streams, chains of responses, their life and owners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import OpenAI

from conversations.models import Conversation, Message, StoredResponse
from tests.live_site import LiveSite
from tests.openai.conftest import Connect

QUESTION = "What are rivers made of?"
FIELDS = {
    "id", "object", "created_at", "status", "background", "error", "incomplete_details", "instructions",
    "max_output_tokens", "model", "output", "parallel_tool_calls", "previous_response_id", "reasoning",
    "store", "temperature", "text", "tool_choice", "tools", "top_p", "truncation", "usage", "user", "metadata",
}  # fmt: skip


def answer_of(response: Any) -> Message:
    """The stored answer of a response."""
    return Message.objects.get(pk=response.id.removeprefix("resp_"))


def sent(site: LiveSite) -> list[tuple[str, str]]:
    """The last chat that a provider was asked."""
    messages = site.simulator.requests[-1].body["messages"]
    return [(each["role"], each["content"]) for each in messages]


def test_a_whole_response(site: LiveSite, client: OpenAI) -> None:
    raw = client.responses.with_raw_response.create(
        model="assistant", input=QUESTION, metadata={"note": "x"}
    )
    response = raw.parse()
    (item,) = response.output

    assert set(response.to_dict()) >= FIELDS
    assert (response.status, response.model) == ("completed", "gpt-mini")
    assert response.to_dict()["store"] is True
    assert response.output_text
    assert item.id == response.id.replace("resp_", "msg_")
    assert item.type == "message"
    assert item.status == "completed"
    assert item.content[0].to_dict() == {
        "type": "output_text", "text": response.output_text, "annotations": [], "logprobs": []
    }  # fmt: skip
    assert response.usage
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.metadata == {"note": "x"}
    assert raw.headers["x-assistant-model"] == "gpt-mini"
    assert float(raw.headers["x-assistant-cost"]) > 0


def test_it_is_an_exchange_of_a_conversation(site: LiveSite, client: OpenAI) -> None:
    response = client.responses.create(model="gpt-mini", input=QUESTION)
    answer = answer_of(response)

    assert answer.content == response.output_text
    assert answer.answers
    assert answer.answers.content == QUESTION
    assert answer.conversation.title == QUESTION


def test_what_was_created_can_be_retrieved(client: OpenAI) -> None:
    response = client.responses.create(model="gpt-mini", input=QUESTION, instructions="Be brief.")

    assert client.responses.retrieve(response.id).to_dict() == response.to_dict()


def test_nothing_is_kept_without_store(site: LiveSite, client: OpenAI) -> None:
    before = Conversation.objects.count(), Message.objects.count(), StoredResponse.objects.count()
    response = client.responses.create(model="gpt-mini", input=QUESTION, store=False)

    assert response.output_text
    assert response.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    after = Conversation.objects.count(), Message.objects.count(), StoredResponse.objects.count()
    assert after == before


def test_a_deleted_response_leaves_nothing(site: LiveSite, client: OpenAI) -> None:
    response = client.responses.create(model="gpt-mini", input=QUESTION)
    thread = answer_of(response).conversation_id
    client.responses.delete(response.id)

    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.retrieve(response.id)
    assert missing.value.code == "not_found"
    assert not Conversation.objects.filter(pk=thread).exists()
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(response.id)


def test_the_events_of_a_stream(client: OpenAI) -> None:
    events = list(client.responses.create(model="gpt-mini", input=QUESTION, stream=True))
    kinds = [event.type for event in events]
    deltas = [event for event in events if event.type == "response.output_text.delta"]
    last = events[-1]

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert last.type == "response.completed"
    assert "".join(event.delta for event in deltas) == last.response.output_text
    assert client.responses.retrieve(last.response.id).to_dict() == last.response.to_dict()


def test_the_streaming_helper_puts_it_together(client: OpenAI) -> None:
    with client.responses.stream(model="gpt-mini", input=QUESTION) as stream:
        text = "".join(
            event.delta for event in stream if event.type == "response.output_text.delta"
        )
        final = stream.get_final_response()

    assert final.output_text == text != ""


@pytest.mark.parametrize("after", [None, 0, 5, 10_000])
def test_a_stored_stream_is_replayed(client: OpenAI, after: int | None) -> None:
    raw = client.responses.create(model="gpt-mini", input=QUESTION, stream=True)
    first: list[Any] = [event.to_dict() for event in raw]
    position: Any = {} if after is None else {"starting_after": after}
    again = client.responses.retrieve(first[0]["response"]["id"], stream=True, **position)

    assert [event.to_dict() for event in again] == first[0 if after is None else after + 1 :]


@pytest.mark.parametrize("query", ["stream=", "stream=1", "stream=true&starting_after="])
def test_a_stream_is_asked_for_as_the_document_says(
    site: LiveSite, client: OpenAI, query: str
) -> None:
    made = client.responses.create(model="gpt-mini", input=QUESTION)
    with pytest.raises(openai.BadRequestError) as refused:
        client.get(f"/responses/{made.id}?{query}", cast_to=object)
    assert refused.value.param == query.rsplit("&", maxsplit=1)[-1].partition("=")[0]


def test_a_previous_response_is_continued(site: LiveSite, client: OpenAI) -> None:
    first = client.responses.create(
        model="gpt-mini", input="My name is Ada.", instructions="Shout."
    )
    second = client.responses.create(
        model="gpt-mini", input="What is my name?", previous_response_id=first.id
    )
    system, *others = sent(site)

    assert others == [
        ("user", "My name is Ada."),
        ("assistant", first.output_text),
        ("user", "What is my name?"),
    ]
    assert system[1] != "Shout."
    assert second.previous_response_id == first.id
    assert answer_of(first).conversation_id == answer_of(second).conversation_id


def test_a_second_continuation_is_a_conversation_of_its_own(client: OpenAI) -> None:
    first = client.responses.create(model="gpt-mini", input="My name is Ada.")
    left, right = (
        client.responses.create(model="gpt-mini", input=text, previous_response_id=first.id)
        for text in ("Left?", "Right?")
    )
    third = client.responses.create(model="gpt-mini", input="On?", previous_response_id=right.id)
    threads = [answer_of(each).conversation_id for each in (first, left, right, third)]

    assert threads[0] == threads[1] != threads[2] == threads[3]


def test_references_stand_for_stored_items(site: LiveSite, client: OpenAI) -> None:
    first: Any = client.responses.create(model="gpt-mini", input="My name is Ada.")
    asked: Any = client.responses.input_items.list(first.id).data[0]
    client.responses.create(
        model="gpt-mini",
        input=[
            {"type": "item_reference", "id": asked.id},
            {"type": "item_reference", "id": first.output[0].id},
            {"role": "user", "content": "And now?"},
        ],
    )

    assert sent(site)[-3:] == [
        ("user", "My name is Ada."),
        ("assistant", first.output_text),
        ("user", "And now?"),
    ]


def test_other_peoples_responses_do_not_exist(connect: Connect) -> None:
    first, stranger = connect().responses.create(model="gpt-mini", input=QUESTION), connect()
    item: Any = {"type": "item_reference", "id": first.output[0].id}
    calls: list[Callable[[], object]] = [
        lambda: stranger.responses.retrieve(first.id),
        lambda: list(stranger.responses.retrieve(first.id, stream=True)),
        lambda: stranger.responses.delete(first.id),
        lambda: stranger.responses.cancel(first.id),
        lambda: stranger.responses.input_items.list(first.id),
        lambda: stranger.responses.create(
            model="gpt-mini", input="x", previous_response_id=first.id
        ),
        lambda: stranger.responses.create(
            model="gpt-mini", input=[item, {"role": "user", "content": "x"}]
        ),
    ]
    params = []
    for call in calls:
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        params.append(refused.value.param)
        assert refused.value.code == "not_found"

    assert params == [None] * 5 + ["previous_response_id", "input[0].id"]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"conversation": "conv_1"}, "conversation", "unsupported_parameter"),
        ({"prompt": {"id": "x"}}, "prompt", "unsupported_parameter"),
        ({"mystery": 1}, "mystery", "unknown_parameter"),
        ({"include": ["file_search_call.results"]}, "include[0]", "unsupported_value"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "missing_required_parameter"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type", "unsupported_value"),
        ({"background": True, "store": False}, "background", "unsupported_value"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "not_found"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": "\u200b"}, "input", "invalid_value"),
        ({"input": [{"type": "web_search_call"}]}, "input[0].type", "unsupported_value"),
        ({"input": [{"role": "user", "content": [{"type": "text"}]}]}, "input[0].content[0].type", "unsupported_value"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role", "missing_required_parameter"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].id", "not_found"),
        (
            {"input": [{"role": "user", "content": "x"}, {"type": "function_call_output", "call_id": "c", "output": "y"}]},
            "input[1].call_id",
            "invalid_value",
        ),
        ({"model": "none"}, "model", "model_not_found"),
    ],
)  # fmt: skip
def test_what_can_not_be_honoured_is_named(
    client: OpenAI, body: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.post("/responses", body={"model": "gpt-mini", "input": "x", **body}, cast_to=object)

    assert refused.value.status_code == (404 if code in {"not_found", "model_not_found"} else 400)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_of_two_types_the_fault_is_that_of_the_one_that_was_sent(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="gpt-mini", input=[])

    assert "at least 1 item" in refused.value.message
