"""What a person writes down, so that the audit can tell a loss from a repetition."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.scorecard.ledger import LEFT, Asked, Heard, Ledger


def asked(*names: str, **more: Any) -> Asked:
    question = Asked(tag="q1-1", key="k", user=1, manner="listens", **more)
    for number, name in enumerate(names, start=1):
        question.hear(heard(number, name))
    return question


def heard(number: int, name: str, **data: Any) -> Heard:
    ids = {"conversation": "c", "message": "m"} if name == "start" else {}
    words = {"text": f"word{number} "} if name == "token" else {}
    return Heard(number, name, json.dumps({**ids, **words, **data}))


def test_the_text_is_what_came_since_the_last_reset() -> None:
    question = asked("start", "token", "reset", "token", "token", "done")

    assert question.text == "word4 word5 "
    assert question.ended
    assert question.wrong == []


def test_a_gap_and_an_event_after_the_end_are_wrong() -> None:
    question = asked("start", "done")
    question.hear(heard(3, "token"))
    question.hear(heard(9, "token"))

    assert question.wrong == ["token after the end", "event 9 after 2"]


def test_what_is_told_again_must_be_the_same() -> None:
    question = asked("start", "token")
    question.hear(heard(2, "token"))
    assert question.retold == []

    question.hear(heard(2, "token", text="another"))
    assert question.retold == [2]


def test_a_silence_ends_with_the_next_event() -> None:
    question = asked("start")
    question.cuts.append(question.asked_at)
    question.hear(heard(2, "token"))

    ((cut, again),) = question.gaps
    assert cut == question.asked_at
    assert again >= cut


def test_under_way_is_what_somebody_waits_for() -> None:
    ended, going = asked("start", "done"), asked("start")
    for question in (ended, going):
        question.accepted = True
    left = asked("start", accepted=True)
    left.manner = LEFT

    assert Ledger([ended, going, left]).open == [going]
