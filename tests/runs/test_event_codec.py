"""The run's log and the stored score give back the events they were given."""

from __future__ import annotations

import pytest

from conversations.api.sse import encode
from conversations.engine.events import (
    Decided,
    Event,
    Failed,
    Finished,
    Noticed,
    Reset,
    Started,
    Token,
)
from conversations.engine.types import CacheFacts
from conversations.models import Message, new_id
from conversations.runs.event_codec import dump, load
from conversations.runs.stored_replay import replay, script_of
from routing.domain.actions import Action
from routing.domain.guard import GuardReport
from routing.domain.rules import Decision, Source, StaysTrue

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
    ),
    CacheFacts("semantic", 0.91, new_id()),
    GuardReport("flag", 0.5, ("override",)),
)
STARTED = Started(new_id(), new_id(), new_id())


@pytest.mark.parametrize(
    "event",
    [
        STARTED,
        DECIDED,
        Token("é\n\u2028"),
        Reset("provider_error", "gpt", "claude"),
        Noticed("provider_failover", "x"),
        Finished({"id": "1"}),
        Failed({"status": 503}),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_survives_the_log(event: Event) -> None:
    assert load(dump(7, [event, event])) == [(7, event), (8, event)]


def test_a_frame_is_three_lines_whatever_the_text_holds() -> None:
    frame = encode(3, Token("line\nfeed\r\n\u2028é"))

    assert (
        frame == b'id: 3\nevent: token\ndata: {"text":"line\\nfeed\\r\\n\xe2\x80\xa8\xc3\xa9"}\n\n'
    )


def test_a_stored_answer_replays_event_for_event() -> None:
    plain = Decided(
        Decision(Action.ANSWER, Source.CLASSIFIER, "openai", "gpt", "general", "r", 3),
        CacheFacts("miss"),
        GuardReport("pass"),
    )
    events: list[Event] = [
        STARTED,
        plain,
        Token("Wro"),
        Token("ng"),
        Reset("provider_error", "gpt", "claude"),
        Noticed("provider_failover", "x"),
        Token("Ri"),
        Token("ght"),
    ]
    message = Message(
        id=STARTED.message,
        conversation_id=STARTED.conversation,
        answers_id=STARTED.user_message,
        role="assistant",
        status="complete",
        content="Right",
        script=script_of(events),
        action="answer",
        source="classifier",
        provider="openai",
        model="gpt",
        rule="general",
        reason="r",
        ruleset=3,
        guard={"verdict": "pass", "score": 0.0, "signals": []},
        cache_outcome="miss",
    )

    assert list(replay(message, {"id": "x"})) == [*events, Finished({"id": "x"})]
