"""Chunks and objects of answers that are refused where the client reads JSON or a tool call."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from conversations.api.openai.chat_encoder import ChunkEncoder, completion_object
from conversations.engine.events import Decided, Event, Finished, Logprobs, Noticed, Token
from conversations.engine.types import CacheFacts
from routing.domain.actions import Action
from routing.domain.decide import default_decision, held_back
from routing.domain.guard import GuardReport
from tests.fakes import RULES

pytestmark = pytest.mark.pure

REFUSED, ANSWERED = held_back(RULES), default_decision(RULES, "for a test")
MESSAGE: dict[str, Any] = {
    "id": str(UUID(int=1)),
    "content": "Not this, please.",
    "decision": {"action": Action.REFUSE, "model": None},
    "finish_reason": "content_filter",
    "image": None,
    "usage": None,
    "cache": None,
}
AT_ONCE: list[Event] = [Decided(REFUSED, CacheFacts(), GuardReport("block"))]
LATE, MODERATED = (
    [
        Decided(ANSWERED, CacheFacts(), GuardReport("pass")),
        Noticed(code, "It was declined."),
    ]
    for code in ("provider_refused", "answer_refused")
)
SAID: list[Event] = [Token("Not this, "), Token("please."), Finished(MESSAGE)]


def choices(events: list[Event], *, forces_form: bool) -> list[dict[str, Any]]:
    encoder = ChunkEncoder(UUID(int=1), 1, "m", include_usage=False, forces_form=forces_form)
    frames = [frame for event in events for frame in encoder.encode(event)]
    assert frames.pop() == b"data: [DONE]\n\n"
    return [json.loads(frame[6:])["choices"][0] for frame in frames]


@pytest.mark.parametrize("begin", [AT_ONCE, LATE, MODERATED])
def test_a_refusal_of_json_has_a_field_of_its_own(begin: list[Event]) -> None:
    first, *middle, last = choices([*begin, *SAID], forces_form=True)

    assert first["delta"] == {"role": "assistant", "content": None}
    assert [choice["delta"] for choice in middle] == [
        {"refusal": "Not this, "},
        {"refusal": "please."},
    ]
    assert (last["delta"], last["finish_reason"]) == ({}, "stop")


@pytest.mark.parametrize("begin", [AT_ONCE, LATE, MODERATED])
def test_a_refusal_of_text_is_text(begin: list[Event]) -> None:
    first, *middle, last = choices([*begin, *SAID], forces_form=False)

    assert first["delta"] == {"role": "assistant", "content": ""}
    assert middle[0]["delta"] == {"content": "Not this, "}
    assert last["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("forces_form", "content", "refusal", "finish"),
    [
        (True, None, "Not this, please.", "stop"),
        (False, "Not this, please.", None, "content_filter"),
    ],
)
def test_the_same_in_one_object(
    forces_form: bool, content: str | None, refusal: str | None, finish: str
) -> None:
    made = completion_object(MESSAGE, 1, [*AT_ONCE, *SAID], forces_form=forces_form)
    choice = made["choices"][0]

    assert (choice["message"]["content"], choice["message"]["refusal"]) == (content, refusal)
    assert choice["finish_reason"] == finish


TEXTS = ['a"b\\', "\x00text\x00", "é\n", "\U0001f30a", "plain"]


@pytest.mark.parametrize("include_usage", [True, False])
def test_the_next_texts_have_the_form_of_the_first(include_usage: bool) -> None:
    encoder = ChunkEncoder(UUID(int=7), 9, "m", include_usage=include_usage)
    _, first, *others = [
        json.loads(frame.removeprefix(b"data: "))
        for text in ["first", *TEXTS]
        for frame in encoder.encode(Token(text))
    ]

    for text, other in zip(TEXTS, others, strict=True):
        first["choices"][0]["delta"]["content"] = text
        assert other == first
        assert list(other) == list(first)


def test_log_probabilities_and_a_later_model_are_in_the_next_chunk() -> None:
    encoder = ChunkEncoder(UUID(int=7), 9, "m", include_usage=False)
    events: list[Event] = [
        Token("a"),
        Logprobs(({"token": "b"},)),
        Token("b"),
        Token("c"),
        *AT_ONCE[:1],
        Token("d"),
    ]
    chunks = [json.loads(frame[6:]) for event in events for frame in encoder.encode(event)][1:]

    assert [chunk["choices"][0]["logprobs"] and chunk["choices"][0]["logprobs"]["content"] for chunk in chunks] == [
        None, [{"token": "b"}], None, None,
    ]  # fmt: skip
    assert [chunk["model"] for chunk in chunks[:3]] == ["m"] * 3
    assert chunks[3]["model"] == (REFUSED.model or "m")
