"""Every event goes through the log, the stored script and the SSE encoding, under its number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args
from uuid import UUID

import orjson
import pytest
from pydantic import TypeAdapter

from conversations.api.openapi import EVENTS
from conversations.api.sse import NAMES, encode
from conversations.engine.events import (
    Decided,
    Event,
    Failed,
    Finished,
    Logprobs,
    Noticed,
    Reset,
    Started,
    Thought,
    Token,
    ToolCall,
)
from conversations.engine.types import CacheFacts
from conversations.models import Message, new_id
from conversations.runs import event_codec
from conversations.runs.event_codec import dump, load, replay, script_of
from conversations.runs.run import text_of
from routing.domain.actions import Action
from routing.domain.guard import GuardReport
from routing.domain.rules import Decision, Source, StaysTrue, VectorEvidence

DECIDED = Decided(
    Decision(
        Action.ANSWER,
        Source.CLASSIFIER,
        "openai",
        "gpt",
        "general",
        "r",
        3,
        stays_true=StaysTrue.DAY,
        suggestions=("a", "b"),
        vector=VectorEvidence(0.99, 8),
    ),
    CacheFacts("semantic", 0.91, new_id()),
    GuardReport("flag", 0.5, ("override",)),
)
STARTED = Started(new_id(), new_id(), new_id())


PLAIN = Decided(
    Decision(Action.ANSWER, Source.CLASSIFIER, "openai", "gpt", "general", "r", 3),
    CacheFacts("miss"),
    GuardReport("pass"),
)
SAMPLES: dict[type[Event], Event] = {
    Started: STARTED,
    Decided: DECIDED,
    Token: Token("é\n\u2028"),
    Thought: Thought("é\u2028"),
    Logprobs: Logprobs(({"token": "a", "logprob": -0.5},)),
    ToolCall: ToolCall(0, "call_1", "weather", '{"city":'),
    Reset: Reset("provider_error", "gpt", "claude"),
    Noticed: Noticed("provider_failover", "x"),
    Finished: Finished({"id": "1"}),
    Failed: Failed({"status": 503}),
}
BETWEEN = sorted(set(get_args(Event)) - {Started, Finished, Failed}, key=lambda cls: cls.__name__)


@dataclass(frozen=True, slots=True)
class Cited:
    """An event of a later version."""

    url: str
    message: UUID


@pytest.fixture
def cited(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A new event, as if the union had it."""
    monkeypatch.setitem(event_codec.ADAPTERS, "Cited", TypeAdapter(Cited))
    return Cited("http://x", STARTED.message)


def answer(script: list[Any], content: str, **fields: Any) -> Message:
    """A stored answer."""
    return Message(
        id=STARTED.message,
        conversation_id=STARTED.conversation,
        answers_id=STARTED.user_message,
        **{
            "role": "assistant",
            "status": "complete",
            "content": content,
            "script": orjson.loads(orjson.dumps(script)),
            "action": "answer",
            "source": "classifier",
            "provider": "openai",
            "model": "gpt",
            "rule": "general",
            "reason": "r",
            "ruleset": 3,
            "guard": {"verdict": "pass", "score": 0.0, "signals": []},
            "cache_outcome": "miss",
            **fields,
        },
    )


def test_there_is_a_sample_of_every_event() -> None:
    assert set(SAMPLES) == set(get_args(Event)) == set(NAMES)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_an_event_survives_the_log(kind: type[Event]) -> None:
    event = SAMPLES[kind]

    (first, second) = load(dump(7, [event, event]))
    assert (first, second) == ((7, event), (8, event))
    assert type(first[1]) is kind


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_an_event_is_sent_under_its_name_as_documented(kind: type[Event]) -> None:
    number, name, data, *_ = encode(5, SAMPLES[kind]).split(b"\n")

    assert (number, name) == (b"id: 5", b"event: " + NAMES[kind].encode())
    body, schema = orjson.loads(data.removeprefix(b"data: ")), EVENTS[NAMES[kind]]
    assert "$ref" in schema or set(body) == set(schema["properties"]) == set(schema["required"])


@pytest.mark.parametrize("kind", BETWEEN, ids=lambda kind: kind.__name__)
def test_an_event_is_replayed_from_the_store_under_its_number(kind: type[Event]) -> None:
    event = PLAIN if kind is Decided else SAMPLES[kind]
    events: list[Event] = [STARTED, Token("a"), event, Token("b")]
    content = text_of(events)

    replayed = list(replay(answer(script_of(events), content), {"id": "x"}))

    assert replayed == list(enumerate([*events, Finished({"id": "x"})], start=1))


def test_a_new_event_needs_no_line_in_the_codec_and_the_store(cited: Any) -> None:
    events: list[Event] = [STARTED, Token("a"), cited, Token("b")]

    assert load(dump(1, events)) == list(enumerate(events, start=1))
    replayed = list(replay(answer(script_of(events), "ab"), {}))
    assert replayed == list(enumerate([*events, Finished({})], start=1))


def test_an_event_of_a_later_version_leaves_a_gap_and_renumbers_nothing() -> None:
    unknown = ["Cited", {"url": "http://x"}]
    raw = orjson.dumps([4, [["Token", {"text": "a"}], unknown, ["Token", {"text": "b"}]]])
    assert load(raw) == [(4, Token("a")), (6, Token("b"))]

    for entry in (["event", *unknown], ["from a later version"], [], {"kind": "of another shape"}):
        replayed = list(replay(answer([1, entry, 1], "ab"), {}))
        assert replayed == [
            (1, STARTED),
            (2, Token("a")),
            (4, Token("b")),
            (5, Finished({})),
        ]


OLD_LOG = (
    b'[1,[["Started",{"conversation":"0198b6a8-3f5e-7c3a-9a52-000000000001","message":'
    b'"0198b6a8-3f5e-7c3a-9a52-000000000002","user_message":"0198b6a8-3f5e-7c3a-9a52-000000000003"}],'
    b'["Decided",{"decision":{"action":"answer","source":"classifier-fallback","provider":"openai",'
    b'"model":"gpt","rule":"general","reason":"r","ruleset":3,"fallback":true,"self_contained":true,'
    b'"impersonal":true,"standalone":"","suggestions":["a","b"]},"cache":{"outcome":"semantic",'
    b'"similarity":1,"entry":"0198b6a8-3f5e-7c3a-9a52-000000000004"},"guard":{"verdict":"flag",'
    b'"score":0.5,"signals":["override"]}}],["Token",{"text":"Hi"}],["Reset",{"reason":'
    b'"provider_error","from_model":"gpt","to_model":"claude"}],["Noticed",{"code":'
    b'"provider_failover","detail":"x"}],["Finished",{"message":{"id":"1","usage":null}}],'
    b'["Failed",{"problem":{"status":503}}]]]'
)
"""A log as the service has always written it; the decision is of a version before ``stays_true``."""
OLD_EVENTS: list[Event] = [
    Started(*(UUID(f"0198b6a8-3f5e-7c3a-9a52-00000000000{last}") for last in (1, 2, 3))),
    Decided(
        Decision(
            Action.ANSWER,
            Source.CLASSIFIER_FALLBACK,
            "openai",
            "gpt",
            "general",
            "r",
            3,
            fallback=True,
            self_contained=True,
            impersonal=True,
            stays_true=StaysTrue.MONTHS,
            suggestions=("a", "b"),
        ),
        CacheFacts("semantic", 1.0, UUID("0198b6a8-3f5e-7c3a-9a52-000000000004")),
        GuardReport("flag", 0.5, ("override",)),
    ),
    Token("Hi"),
    Reset("provider_error", "gpt", "claude"),
    Noticed("provider_failover", "x"),
    Finished({"id": "1", "usage": None}),
    Failed({"status": 503}),
]


def test_a_log_of_an_earlier_version_is_read_and_written_alike() -> None:
    loaded = load(OLD_LOG)

    assert loaded == list(enumerate(OLD_EVENTS, start=1))
    decided = loaded[1][1]
    assert isinstance(decided, Decided)
    assert isinstance(decided.decision.source, Source)
    assert isinstance(decided.decision.suggestions, tuple)
    as_of_then = (
        OLD_LOG.replace(b'"similarity":1,', b'"similarity":1.0,')
        .replace(b'"standalone"', b'"stays_true":"months","standalone"')
        .replace(b'},"guard"', b',"usage":null},"guard"')
        .replace(b'"suggestions":["a","b"]', b'"suggestions":["a","b"],"vector":null')
    )
    assert dump(1, OLD_EVENTS) == as_of_then


def test_a_script_of_an_earlier_version_is_replayed() -> None:
    script = [
        ["decision", {"action": "answer", "provider": "openai", "model": "gpt", "fallback": False,
                      "reason": "r"}],
        3,
        2,
        ["reset", "provider_error", "gpt", "claude", "Wrong"],
        ["notice", "provider_failover", "x"],
        2,
        3,
    ]  # fmt: skip
    message = answer(script, "Right", provider="anthropic", model="claude", fallback=True)

    assert list(replay(message, {"id": "x"})) == [
        (1, STARTED),
        (2, PLAIN),
        (3, Token("Wro")),
        (4, Token("ng")),
        (5, Reset("provider_error", "gpt", "claude")),
        (6, Noticed("provider_failover", "x")),
        (7, Token("Ri")),
        (8, Token("ght")),
        (9, Finished({"id": "x"})),
    ]


def test_a_frame_is_three_lines_whatever_the_text_holds() -> None:
    frame = encode(3, Token("line\nfeed\r\n\u2028é"))

    assert (
        frame == b'id: 3\nevent: token\ndata: {"text":"line\\nfeed\\r\\n\xe2\x80\xa8\xc3\xa9"}\n\n'
    )
