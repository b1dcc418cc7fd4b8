"""Runs behind responses: tools, thoughts, failures, the background, clients that leave, retries, erasure."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import openai
import pytest
from django.utils import timezone
from openai import OpenAI

from conversations.adapters.background.erasure import erase
from conversations.api.openai import responses
from conversations.bootstrap import container
from conversations.models import Message, StoredResponse
from conversations.storage import export
from conversations.storage.responses import purge_expired
from tests.live_site import LiveSite, Person
from tests.openai.conftest import Connect

QUESTION = "What are rivers made of?"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "name": "weather", "parameters": CITY, "strict": False}
SLOW: Any = {"call": "chat", "times": 1, "tokens": 500, "token_delay_ms": 20}


def message_of(response: Any) -> Message:
    """The stored answer of a response."""
    return Message.objects.get(pk=response.id.removeprefix("resp_"))


@pytest.mark.parametrize("model", ["gpt-mini", "claude-sonnet", "assistant"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_is_called_and_its_result_answered(
    site: LiveSite, client: OpenAI, model: str, stream: bool
) -> None:
    ask: Any = {"model": model, "tools": [WEATHER]}
    if stream:
        with client.responses.stream(input="What is the weather in Porto?", **ask) as events:
            kinds = [event.type for event in events]
            first: Any = events.get_final_response()
        assert kinds[-3:] == [
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    else:
        first = client.responses.create(input="What is the weather in Porto?", **ask)
    call = next(item for item in first.output if item.type == "function_call")
    result: Any = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": "Sunny, 21 degrees.",
    }
    second = client.responses.create(previous_response_id=first.id, input=[result], **ask)
    whole = client.responses.create(
        input=[{"role": "user", "content": "What is the weather in Porto?"}, *first.output, result],
        store=False,
        **ask,
    )

    assert call.id.startswith(first.id.replace("resp_", "fc_"))
    assert set(json.loads(call.arguments)) == {"city"}
    assert "Sunny, 21 degrees." in second.output_text
    assert "Sunny, 21 degrees." in whole.output_text
    assert second.model == first.model
    again = client.responses.retrieve(first.id)
    assert [item.id for item in again.output] == [item.id for item in first.output]


GRAMMAR: Any = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
PATCH: Any = {"type": "custom", "name": "patch", "format": GRAMMAR}


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_takes_text(site: LiveSite, client: OpenAI, stream: bool) -> None:
    ask: Any = {"model": "assistant", "tools": [PATCH]}
    if stream:
        events = list(client.responses.create(input="Mend the file.", stream=True, **ask))
        kinds = [event.type for event in events if ".delta" not in event.type]
        first: Any = events[-1].response
        assert kinds == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.custom_tool_call_input.done",
            "response.output_item.done",
            "response.completed",
        ]
        (told,) = (event for event in events if "input.done" in event.type)
        pieces = [event.delta for event in events if "input.delta" in event.type]
        assert told.input == "".join(pieces) == first.output[0].input
    else:
        first = client.responses.create(input="Mend the file.", **ask)
    (call,) = first.output
    output: Any = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Changed."}
    second = client.responses.create(previous_response_id=first.id, input=[output], **ask)
    items: Any = [{"role": "user", "content": "Mend it."}, call.to_dict(), output]
    whole = client.responses.create(input=items, **ask)

    assert (call.type, call.name) == ("custom_tool_call", "patch")
    assert call.id == first.id.replace("resp_", "ctc_") + "_0"
    assert first.tools[0].format.to_dict() == GRAMMAR
    assert "Changed." in second.output_text
    assert "Changed." in whole.output_text
    custom = site.simulator.requests[-1].body["tools"][0]["custom"]
    definition = {each: GRAMMAR[each] for each in ("syntax", "definition")}
    assert custom["format"] == {"type": "grammar", "grammar": definition}
    inputs: Any = client.responses.input_items.list(second.id).data
    assert [(each.type, each.call_id) for each in inputs] == [(output["type"], call.call_id)]


def test_a_model_without_such_tools_is_named(client: OpenAI) -> None:
    choice: Any = {"type": "custom", "name": "patch"}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(
            model="claude-sonnet", input=QUESTION, tools=[WEATHER, PATCH], tool_choice=choice
        )
    assert refused.value.param == "tools[1].type"


def test_thoughts_are_items_of_their_own(client: OpenAI) -> None:
    with client.responses.stream(
        model="gpt-mini", input=QUESTION, reasoning={"effort": "high", "summary": "auto"}
    ) as stream:
        kinds = list(dict.fromkeys(event.type for event in stream))
        response: Any = stream.get_final_response()
    thought, said = response.output

    assert (thought.type, thought.id) == ("reasoning", response.id.replace("resp_", "rs_"))
    assert thought.summary[0].text
    assert said.type == "message"
    assert [kind for kind in kinds if "reasoning" in kind] == [
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
    ]
    again = client.responses.retrieve(response.id)
    assert again.output_text == response.output_text
    assert again.output[0] == thought


HARD: Any = {"model": "claude-sonnet", "tools": [WEATHER], "reasoning": {"effort": "high"}}
ASKED: Any = {"role": "user", "content": "What is the weather in Porto?"}


def result_of(response: Any) -> Any:
    """The result of the tool that a response called."""
    call = next(item for item in response.output if item.type == "function_call")
    return {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."}


def sent_thinking(site: LiveSite) -> list[Any]:
    """The thinking blocks of the last request to the provider."""
    messages = site.simulator.requests[-1].body["messages"]
    blocks = [block for each in messages for block in each["content"] or ()]
    return [block for block in blocks if isinstance(block, dict) and "thinking" in block["type"]]


@pytest.mark.parametrize("way", ["previous", "references", "items", "items without thoughts"])
def test_thoughts_return_to_the_provider_that_signed_them(
    site: LiveSite, client: OpenAI, way: str
) -> None:
    first = client.responses.create(input=[ASKED], include=["reasoning.encrypted_content"], **HARD)
    result = result_of(first)
    references: Any = [{"type": "item_reference", "id": item.id} for item in first.output]
    items = [item for item in first.output if "without" not in way or item.type != "reasoning"]
    # The simulator refuses a call without the thought before it, and a thought that was changed.
    match way:
        case "previous":
            second = client.responses.create(previous_response_id=first.id, input=[result], **HARD)
        case "references":
            second = client.responses.create(input=[ASKED, *references, result], **HARD)
        case _:
            whole: Any = [ASKED, *(item.to_dict() for item in items), result]
            second = client.responses.create(input=whole, store=False, **HARD)

    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    assert "Sunny." in second.output_text
    assert site.simulator.requests[-1].body["thinking"]
    (block,) = sent_thinking(site)
    assert block == StoredResponse.objects.get(pk=message_of(first).pk).thinking[0]["block"]
    assert block["signature"] not in str(first.to_dict())


def test_thoughts_of_others_are_not_found(site: LiveSite, client: OpenAI, connect: Connect) -> None:
    first = client.responses.create(input=[ASKED], **HARD)
    whole: Any = [ASKED, *(item.to_dict() for item in first.output), result_of(first)]
    theirs = connect().responses.create(input=whole, **HARD)
    other = client.responses.create(input=whole, **{**HARD, "model": "gpt-mini"})

    assert "Sunny." in theirs.output_text
    assert "Sunny." in other.output_text
    assert sent_thinking(site) == []
    for request in site.simulator.requests[-2:]:
        assert "signature" not in str(request.body)


def test_a_form_is_asked_of_the_model(site: LiveSite, client: OpenAI) -> None:
    schema: Any = {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}
    answer = client.responses.create(model="gpt-mini", input=QUESTION, text={"format": schema})

    assert set(json.loads(answer.output_text)) == {"city"}
    asked = site.simulator.requests[-1].body["response_format"]["json_schema"]
    assert (asked["name"], asked["strict"]) == ("city", True)


@pytest.mark.parametrize("stream", [True, False])
def test_a_failure_before_the_first_token_has_a_status(
    site: LiveSite, client: OpenAI, stream: bool
) -> None:
    site.simulator.fault(call="chat", status=500, times=20)
    with pytest.raises(openai.InternalServerError) as failed:
        client.responses.create(model="assistant", input=QUESTION, stream=stream)

    assert (failed.value.status_code, failed.value.code) == (503, "no_provider_available")


def test_a_failure_after_the_first_token_is_the_last_event(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="chat", times=20, tokens=20, cut_after=5, token_delay_ms=5)
    created = client.responses.with_raw_response.create(
        model="assistant", input=QUESTION, stream=True
    )
    frames = created.http_response.read().decode().strip().split("\n\n")
    name, _, data = frames[-1].partition("\n")
    error = json.loads(data.removeprefix("data: "))

    assert name == "event: error"
    assert error["type"] == "error"
    assert error["sequence_number"] == len(frames) - 1
    assert {each: error[each] for each in ("code", "message", "param")} == {
        each: error["error"][each] for each in ("code", "message", "param")
    }
    first = json.loads(frames[0].partition("\n")[2].removeprefix("data: "))
    stored = client.responses.retrieve(first["response"]["id"])
    assert stored.status == "failed"
    assert stored.error
    assert stored.error.message


def test_an_answer_that_was_cut_at_its_limit_is_incomplete(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="chat", times=1, finish="length")
    answer = client.responses.create(model="gpt-mini", input=QUESTION, max_output_tokens=20)

    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_a_refusal_is_text_of_a_completed_response(client: OpenAI) -> None:
    answer = client.responses.create(
        model="assistant", input="How do I build a pipe bomb at home?", metadata={"mine": "1"}
    )

    assert answer.status == "completed"
    assert answer.output_text
    assert answer.metadata == {"mine": "1", "assistant_action": "refuse"}


@pytest.mark.parametrize("store", [True, False])
def test_a_picture_is_markdown_that_opens(client: OpenAI, store: bool) -> None:
    with client.responses.stream(
        model="assistant", input="Draw a picture of a lighthouse at dusk.", store=store
    ) as stream:
        text = stream.get_final_response().output_text
    url = text.removesuffix(")").partition("](")[2]

    assert text.startswith("![")
    assert httpx.get(url).headers["content-type"].startswith("image/")


def test_a_stored_answer_serves_a_lone_question(site: LiveSite) -> None:
    person = site.person()
    content = "What is the capital of the province of Manitoba?"
    stored = person.ask(content)["content"]
    body = {"model": "assistant", "input": content}
    hit = person.http.post("/v1/responses", json=body)
    other = person.http.post("/v1/responses", json={**body, "instructions": "Rhyme."})

    assert hit.headers["x-assistant-cache"] == "exact"
    assert hit.json()["output"][0]["content"][0]["text"] == stored
    assert other.headers["x-assistant-cache"] == "miss"


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_a_stored_answer_tells_the_usage_of_the_first_time(
    connect: Connect, store: bool, stream: bool
) -> None:
    client, content = connect(), f"How long is river {store} {stream}?"
    ask: Any = {"model": "assistant", "input": content, "store": store}
    first = client.responses.create(**{**ask, "store": True})
    if stream:
        with client.responses.stream(**ask) as events:
            again: Any = events.get_final_response()
    else:
        raw = client.responses.with_raw_response.create(**ask)
        again = raw.parse()
        assert raw.headers["x-assistant-cost"] == "0"
        assert raw.headers["x-assistant-cache"] == "exact"

    assert first.usage
    assert first.usage.output_tokens
    assert again.usage == first.usage
    if store:
        assert client.responses.retrieve(again.id).usage == first.usage
        (*_, last) = client.responses.retrieve(again.id, stream=True)
        assert last.type == "response.completed"
        assert last.response.usage == first.usage
        assert message_of(again).output_tokens == 0  # nothing was spent


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_a_filter_cut_off_fails(
    site: LiveSite, client: OpenAI, stream: bool
) -> None:
    site.simulator.fault(call="chat", times=1, finish="content_filter", text="Half of a")
    ask: Any = {"model": "gpt-mini", "input": QUESTION, "stream": stream}
    if stream:
        seen: list[Any] = []
        with pytest.raises(openai.APIError) as failed:
            seen.extend(client.responses.create(**ask))
        assert failed.value.code == "provider_error"
        return
    with pytest.raises(openai.InternalServerError) as refused:
        client.responses.create(**ask)
    assert refused.value.code == "provider_error"
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_a_filtered_response_that_is_kept_is_failed(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="chat", times=1, finish="content_filter", text="Half of a")
    queued = client.responses.create(model="gpt-mini", input=QUESTION, background=True)
    with pytest.raises(openai.APIError):
        list(client.responses.retrieve(queued.id, stream=True))
    stored = client.responses.retrieve(queued.id)

    assert stored.status == "failed"
    assert stored.error
    assert stored.output_text == "Half of a"


@pytest.mark.parametrize("stream", [True, False])
def test_the_background_holds_a_slot_to_its_end(
    site: LiveSite, client: OpenAI, stream: bool
) -> None:
    with site.composed_with(STREAMS_PER_USER=1):
        site.simulator.fault(**SLOW)
        ask: Any = {"model": "gpt-mini", "input": QUESTION, "background": True}
        opened: Any = client.responses.create(**ask, stream=stream)
        response = opened
        if stream:
            response = next(iter(opened)).response
            opened.close()
        with pytest.raises(openai.RateLimitError):
            client.responses.create(**ask)
        client.responses.cancel(response.id)
        while container().stream_limits.open:
            threading.Event().wait(0.02)
        assert client.responses.create(**ask).status == "queued"


def test_the_background_answers_at_once_and_outlives_its_client(
    site: LiveSite, client: OpenAI
) -> None:
    site.simulator.fault(**{**SLOW, "tokens": 30})
    queued = client.responses.create(model="gpt-mini", input=QUESTION, background=True)
    events = list(client.responses.retrieve(queued.id, stream=True))

    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    assert events[-1].type == "response.completed"
    assert client.responses.retrieve(queued.id).status == "completed"


def test_a_stream_in_the_background_goes_on_without_its_client(
    site: LiveSite, client: OpenAI
) -> None:
    site.simulator.fault(**{**SLOW, "tokens": 60})
    stream = client.responses.create(model="gpt-mini", input=QUESTION, background=True, stream=True)
    opened: Any = next(iter(stream))
    stream.close()
    rest = list(client.responses.retrieve(opened.response.id, stream=True, starting_after=0))

    assert [event.sequence_number for event in rest] == list(range(1, len(rest) + 1))
    assert rest[-1].type == "response.completed"


def test_the_background_can_be_cancelled(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(**SLOW)
    queued = client.responses.create(model="gpt-mini", input=QUESTION, background=True)
    assert client.responses.retrieve(queued.id).status == "in_progress"
    cancelled = client.responses.cancel(queued.id)

    assert cancelled.status == "cancelled"
    assert client.responses.cancel(queued.id).status == "cancelled"
    with pytest.raises(openai.APIError):
        list(client.responses.retrieve(queued.id, stream=True))


def test_a_response_under_way_can_be_deleted(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(**SLOW)
    queued = client.responses.create(model="gpt-mini", input=QUESTION, background=True)
    answer = message_of(queued)
    client.responses.delete(queued.id)

    assert not Message.objects.filter(conversation__messages=answer).exists()
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(queued.id)


def test_a_client_that_leaves_stops_the_answer(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(**SLOW)
    stream = client.responses.create(model="gpt-mini", input=QUESTION, stream=True)
    opened: Any = next(iter(stream))
    stream.close()
    site.simulator.wait_for(
        lambda requests: any(each.outcome == "closed_early" for each in requests)
    )
    # Waits for the end, which is stored by then.
    client.responses.cancel(opened.response.id)

    assert client.responses.retrieve(opened.response.id).status == "cancelled"


def test_a_busy_conversation_is_left_alone(site: LiveSite) -> None:
    person = site.person()
    created: dict[str, Any] = person.http.post(
        "/v1/responses", json={"model": "gpt-mini", "input": "My name is Ada."}
    ).json()
    thread = str(message_of(openai.types.responses.Response.construct(**created)).conversation_id)
    site.simulator.fault(**SLOW, match="tides")
    with person.streaming("Tell me of tides.", conversation=thread) as (_, events):
        next(events)
        second = person.http.post(
            "/v1/responses",
            json={
                "model": "gpt-mini",
                "input": "What is my name?",
                "previous_response_id": created["id"],
            },
        )

    assert second.status_code == 200
    assert "Ada" in second.json()["output"][0]["content"][0]["text"]
    other = Message.objects.get(pk=second.json()["id"].removeprefix("resp_"))
    assert str(other.conversation_id) != thread


def test_the_unfinished_can_not_be_continued(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(**SLOW)
    queued = client.responses.create(model="gpt-mini", input=QUESTION, background=True)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="gpt-mini", input="x", previous_response_id=queued.id)

    assert refused.value.param == "previous_response_id"
    client.responses.cancel(queued.id)


@pytest.mark.parametrize("store", [True, False])
def test_a_retry_joins_the_first_try(site: LiveSite, client: OpenAI, store: bool) -> None:
    create = client.responses.with_raw_response.create
    key = {"Idempotency-Key": "k1"}
    one, two = (
        create(model="gpt-mini", input=QUESTION, store=store, extra_headers=key) for _ in range(2)
    )
    with pytest.raises(openai.BadRequestError) as reused:
        create(model="gpt-mini", input="Other", store=store, extra_headers=key)

    assert one.parse() == two.parse()
    assert two.headers["idempotency-replayed"] == "true"
    assert len([each for each in site.simulator.requests if each.call == "chat"]) == 1
    assert reused.value.code == "idempotency_key_reused"


def test_tries_at_once_are_one_response(
    site: LiveSite, client: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, joined = container(), asyncio.Event()
    claim, start = parts.joining._claim, parts.intake.start

    async def claim_seen(*args: Any) -> Any:
        earlier = await claim(*args)
        if earlier:
            joined.set()
        return earlier

    async def start_after_the_retry(new: Any) -> Any:
        await joined.wait()
        return await start(new)

    monkeypatch.setattr(parts.joining, "_claim", claim_seen)
    monkeypatch.setattr(parts.intake, "start", start_after_the_retry)

    def ask(_: int) -> str:
        key = {"Idempotency-Key": "k3"}
        return client.responses.create(model="gpt-mini", input=QUESTION, extra_headers=key).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1
    assert len([each for each in site.simulator.requests if each.call == "chat"]) == 1


def test_a_retry_of_a_deleted_response_asks_again(
    client: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "STORING_TIME", timedelta(0))
    ask: Any = {"model": "gpt-mini", "input": QUESTION, "extra_headers": {"Idempotency-Key": "k4"}}
    first = client.responses.create(**ask)
    client.responses.delete(first.id)
    second, third = client.responses.create(**ask), client.responses.create(**ask)

    assert first.id != second.id == third.id


@pytest.mark.parametrize("store", [True, False])
def test_an_answer_that_is_not_stored_is_not_reused(client: OpenAI, store: bool) -> None:
    create, outcome = client.responses.with_raw_response.create, "x-assistant-cache"
    question = "What is the oldest bridge of Ljubljana?"
    raw = [create(model="assistant", input=question, store=store).headers for _ in range(2)]
    later = create(model="assistant", input=question).headers

    assert [each[outcome] for each in raw] == ["miss", "exact" if store else "miss"]
    assert later[outcome] == ("exact" if store else "miss")


@pytest.mark.parametrize("by", ["previous_response_id", "item_reference"])
def test_a_model_gets_no_signed_address_of_a_picture(
    site: LiveSite, client: OpenAI, by: str
) -> None:
    drawn = client.responses.create(model="assistant", input="Draw a picture of a red fox")
    assert "signature=" in drawn.output_text
    more: Any = {"input": "Tell me more of it", "previous_response_id": drawn.id}
    if by == "item_reference":
        reference = {"type": by, "id": drawn.output[0].id}
        said = [{"role": "user", "content": text} for text in ("Draw a fox", "Tell me more of it")]
        more = {"input": [said[0], reference, said[1]]}
    client.responses.create(model="gpt-mini", **more)
    asked = [each for each in site.simulator.requests if each.call == "chat"][-1]

    assert "/api/v1/images/" in str(asked.body)
    assert "signature" not in str(asked.body)


def test_slots_and_listeners_are_given_back(site: LiveSite, client: OpenAI) -> None:
    response = client.responses.create(model="gpt-mini", input=QUESTION)
    list(client.responses.create(model="gpt-mini", input=QUESTION, stream=True))
    list(client.responses.retrieve(response.id, stream=True))

    assert not container().joining._listeners
    assert container().stream_limits.open == 0


def test_input_items_are_listed_in_pages(client: OpenAI) -> None:
    texts = [f"Number {number}" for number in range(5)]
    response = client.responses.create(
        model="gpt-mini", input=[{"role": "user", "content": text} for text in texts]
    )
    first = client.responses.input_items.list(response.id, limit=2, order="asc")
    everything: list[Any] = list(client.responses.input_items.list(response.id, limit=2))

    assert first.has_more
    assert [item.content for item in everything] == texts[::-1]
    assert len({item.id for item in everything}) == 5
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.input_items.list(response.id, limit=0)
    assert refused.value.param == "limit"


def test_a_chain_without_its_beginning_is_not_continued(client: OpenAI) -> None:
    first = client.responses.create(model="gpt-mini", input="My name is Ada.")
    second = client.responses.create(
        model="gpt-mini", input="And you?", previous_response_id=first.id
    )
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.create(model="gpt-mini", input="x", previous_response_id=second.id)

    assert missing.value.param == "previous_response_id"
    assert client.responses.retrieve(second.id).output_text == second.output_text


def test_a_conversation_remembers_its_responses(site: LiveSite) -> None:
    person = site.person()
    body = {"model": "gpt-mini", "input": "My name is Ada."}
    created = person.http.post("/v1/responses", json=body).json()
    answer = Message.objects.get(pk=created["id"].removeprefix("resp_"))

    said = person.ask("What is my name?", conversation=str(answer.conversation_id))
    assert "Ada" in said["content"]


def test_a_response_ends_after_thirty_days_and_its_conversation_stays(client: OpenAI) -> None:
    response = client.responses.create(model="gpt-mini", input=QUESTION)
    stored = StoredResponse.objects.get(message=message_of(response))
    assert stored.expires_at - stored.message.created_at == timedelta(days=30)
    StoredResponse.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    purge_expired()
    assert not StoredResponse.objects.filter(message=stored.message).exists()
    assert message_of(response).content


def test_a_chain_that_goes_on_is_kept(client: OpenAI) -> None:
    first = client.responses.create(model="gpt-mini", input="My name is Ada.")
    StoredResponse.objects.filter(message=message_of(first)).update(
        expires_at=timezone.now() + timedelta(days=1)
    )
    client.responses.create(model="gpt-mini", input="Who?", previous_response_id=first.id)

    stored = StoredResponse.objects.get(message=message_of(first))
    assert stored.expires_at > timezone.now() + timedelta(days=29)


def test_responses_are_exported_and_erased_with_their_owner(site: LiveSite) -> None:
    person: Person = site.person()
    body = {"model": "gpt-mini", "input": "A word of mine: zibblewort."}
    created = person.http.post("/v1/responses", json=body).json()
    rows = [
        row
        for table in export.export_tables(person.user.pk)
        for row in export.export_page(table, after=None, origin="")[0]
    ]
    kinds = {row["kind"] for row in rows if "zibblewort" in str(row["data"])}

    assert kinds >= {"message", "stored response"}
    assert erase(person.user.pk, seconds=5)
    assert not StoredResponse.objects.filter(message_id=UUID(created["id"][5:])).exists()


@pytest.mark.parametrize("text", ["a\0b", "\ud7ff \U0001f30a"])
def test_any_text_of_an_item_can_be_kept(client: OpenAI, text: str) -> None:
    response = client.responses.create(
        model="gpt-mini",
        instructions=text,
        input=[{"role": "developer", "content": text}, {"role": "user", "content": "Go on."}],
    )

    assert client.responses.retrieve(response.id).output_text == response.output_text


@pytest.mark.parametrize("scope", ["images", "conversations"])
def test_another_scope_is_refused(connect: Connect, scope: str) -> None:
    client = connect(scopes=[scope])
    calls: list[Callable[[], object]] = [
        lambda: client.responses.create(model="gpt-mini", input="x"),
        lambda: client.responses.retrieve(f"resp_{0:032x}"),
    ]
    for call in calls:
        with pytest.raises(openai.PermissionDeniedError):
            call()
