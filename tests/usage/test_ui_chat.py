"""A refused request of ``/api/chat`` changes nothing: no conversation is opened, no answer is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings

from conversations.models import Conversation, Message
from routing.domain.llm import estimated_tokens
from routing.models import LLMModel
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite
from tests.ui_stream.conftest import Part, said
from tests.usage.conftest import Make, Program, SetLimit

SLOW = "Name a river. [[simulate tokens=100 token_delay_ms=50 times=1]]"


def body(messages: list[Part], **more: Any) -> dict[str, Any]:
    return {"id": "one", "messages": messages, "model": "gpt-mini", **more}


def test_a_refused_request_opens_no_conversation(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(0, window="total", user=client.person.user)
    response = client.http.post("/api/chat", json=body([said("Why?")]))

    assert response.status_code == 402
    assert not Conversation.objects.filter(owner=client.person.user).exists()


@contextmanager
def answering(client: Program, messages: list[Part]) -> Iterator[Iterator[str]]:
    """An answer that is being written in the block."""
    with client.http.stream("POST", "/api/chat", json=body(messages)) as running:
        lines = running.iter_lines()
        assert next(line for line in lines if "text-delta" in line)
        yield lines


def test_a_refused_request_stops_no_answer(site: LiveSite, program: Make, limit: SetLimit) -> None:
    client, messages = program(), [said(SLOW)]
    limit(1, window="total", user=client.person.user)
    with answering(client, messages) as running:
        for asked in (body(messages, trigger="regenerate-message"), body([]) | REGENERATE):
            assert client.http.post("/api/chat", json=asked).status_code == 402
        assert "data: [DONE]" in list(running)
    answer = Message.objects.get(conversation__owner=client.person.user, role="assistant")

    assert answer.status == "complete"
    assert answer.content


def test_a_prompt_that_the_client_does_not_send_is_reserved_for(
    program: Make, limit: SetLimit
) -> None:
    client = program()
    long = "Tell me of " + "the sea and " * 400
    assert client.http.post("/api/chat", json=body([said(long)])).status_code == 200
    limit(4_000, "tokens", "total", scope="key", key=client.key)
    refused = client.http.post("/api/chat", json={"id": "one", **REGENERATE})

    assert refused.status_code == 402


BIG = "data:image/png;base64," + "iVBORw0KGgo="
LOOK: Part = {"role": "user", "parts": [{"type": "text", "text": "What is in it?"}, *20 * [{"type": "file", "mediaType": "image/png", "url": BIG}]]}  # fmt: skip


@pytest.mark.parametrize("again", [False, True])
def test_pictures_are_reserved_for(program: Make, limit: SetLimit, again: bool) -> None:
    client = program()
    asked: dict[str, Any] = {"id": "one", "message": LOOK, "model": "gpt-mini"}
    if again:
        assert client.http.post("/api/chat", json=asked).status_code == 200
        asked = {"id": "one", **REGENERATE}
    reads = estimated_tokens("What is in it?")
    # Enough for the words, the memory and the answer, and not for the pictures, too.
    most = reads + settings.MEMORY_TOKENS + settings.RESERVED_OUTPUT_TOKENS
    limit(most, "tokens", "total", scope="key", key=client.key)

    assert client.http.post("/api/chat", json=asked).status_code == 402


def test_a_limit_has_a_model_answer_that_sees_the_picture(
    site: LiveSite, program: Make, limit: SetLimit
) -> None:
    LLMModel.objects.create(
        name="blind", litellm_name="openai/gpt-3.5-turbo", provider="openai", abilities=[],
        input_price=0, output_price=0,
    )  # fmt: skip
    ruleset_publish(by=None)
    client = program()
    limit(0, window="total", model_names=["gpt"], at_limit="downgrade", user=client.person.user)
    try:
        words, pictured = (
            client.http.post("/api/chat", json={"id": "one", "message": message, "model": "gpt"})
            for message in (said("Why?"), LOOK)
        )
    finally:
        site.publish_defaults()

    assert '"model":"blind"' in words.text
    assert pictured.status_code == 200
    assert '"model":"blind"' not in pictured.text


def test_a_reservation_ends_with_a_fault_in_the_chat(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(1, window="total", user=client.person.user)
    empty = client.http.post("/api/chat", json={"id": "none", **REGENERATE})

    assert empty.status_code == 404
    assert client.http.post("/api/chat", json=body([said("Why?")])).status_code == 200


REGENERATE: dict[str, Any] = {
    "trigger": "regenerate-message",
    "messages": None,
    "model": "gpt-mini",
}
