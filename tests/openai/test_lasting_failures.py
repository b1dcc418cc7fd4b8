"""``/v1/`` where a retry finds the same: a chat that no model has room for, a provider that an operator has to mend."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.live_site import LiveSite
from tests.openai.conftest import Connect

TALK: Any = [
    {"role": "user", "content": "Tell me a story of a clockmaker."},
    {"role": "assistant", "content": "There was a clockmaker."},
    {"role": "user", "content": "And of his daughter?"},
    {"role": "assistant", "content": "She mended the church's clock."},
    {"role": "user", "content": "What did the priest say?"},
]


def asked_of_models(site: LiveSite) -> list[int]:
    """How many messages beside instructions each call had."""
    bodies = [each.body["messages"] for each in site.simulator.requests if each.call == "chat"]
    return [sum(message["role"] != "system" for message in body) for body in bodies]


@pytest.mark.parametrize("stream", [True, False])
def test_a_chat_that_no_model_has_room_for_is_a_fault_of_the_request(
    site: LiveSite, connect: Connect, stream: bool
) -> None:
    site.simulator.fault(call="chat", error="context_length", times=20)
    with pytest.raises(openai.BadRequestError) as refused:
        connect(retries=2).chat.completions.create(model="assistant", messages=TALK, stream=stream)

    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "messages")
    assert refused.value.type == "invalid_request_error"
    # The caller's messages are the memory: none is left out behind its back.
    assert set(asked_of_models(site)) == {len(TALK)}


def test_messages_of_a_response_are_left_out_where_it_says_so(
    site: LiveSite, client: OpenAI
) -> None:
    site.simulator.fault(call="chat", error="context_length", times=20)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="gpt", input=TALK)

    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "input")
    assert set(asked_of_models(site)) == {len(TALK)}

    site.simulator.clear()
    site.simulator.fault(call="chat", error="context_length", times=1)
    answer = client.responses.create(model="gpt", input=TALK, truncation="auto")

    assert answer.status == "completed"
    assert asked_of_models(site)[-1] < len(TALK)


@pytest.mark.parametrize(
    "fault",
    [{"status": 401}, {"status": 404}, {"status": 429, "error": "insufficient_quota"}],
)
def test_a_failure_that_an_operator_has_to_mend_is_not_tried_again(
    site: LiveSite, connect: Connect, fault: dict[str, Any]
) -> None:
    site.simulator.fault(**fault)
    with pytest.raises(openai.InternalServerError) as failed:
        connect(retries=2).chat.completions.create(model="gpt", messages=TALK)

    assert failed.value.code == "no_provider_available"
    assert failed.value.response.headers["x-should-retry"] == "false"
    assert failed.value.response.request.headers["x-stainless-retry-count"] == "0"


def test_a_failure_that_may_mend_itself_is_tried_again(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="chat", status=500)
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model="gpt", messages=TALK)

    assert "x-should-retry" not in failed.value.response.headers
    assert failed.value.response.headers["retry-after"]
