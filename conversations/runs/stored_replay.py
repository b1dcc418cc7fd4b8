"""The score of an answer: how its text was cut into events, short enough to be stored with it.

A list in the order of events: a number is a token's length in characters,
``["reset", reason, from, to, text]`` a reset with the text it discarded,
``["notice", code, detail]`` a notice, and ``["decision", fields]`` the decision as it was told,
by what may have changed since. With it a stored message is replayed event for event,
under the ids it had, long after the run's log is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

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
from conversations.models import Message
from conversations.storage.representations import cache_of, decision_of, guard_of
from routing.domain.actions import Action

_CHANGING = ("action", "provider", "model", "fallback", "reason")
"""What another model, or its provider's refusal, makes of a decision after it was told."""


def script_of(events: Sequence[Event]) -> list[Any]:
    """The score of a run's events."""
    score: list[Any] = []
    said: list[str] = []
    for event in events:
        match event:
            case Token(text):
                said.append(text)
                score.append(len(text))
            case Reset(reason, from_model, to_model):
                score.append(["reset", reason, from_model, to_model, "".join(said)])
                said.clear()
            case Noticed(code, detail):
                score.append(["notice", code, detail])
            case Decided(decision):
                score.append(["decision", {name: getattr(decision, name) for name in _CHANGING}])
    return score


def replay(message: Message, finished: dict[str, Any]) -> Iterator[Event]:
    """The events of a stored answer. ``finished`` is its message object as it is now."""
    assert message.answers_id is not None  # noqa: S101 - only answers have a score
    yield Started(message.conversation_id, message.id, message.answers_id)
    yield from _body(message)
    if message.status == Message.Status.FAILED:
        yield Failed(message.problem or {})
    else:
        yield Finished(finished)


def _body(message: Message) -> Iterator[Event]:
    texts = _texts(message.script, message.content)
    for entry in message.script:
        match entry:
            case int():
                yield Token(next(texts))
            case ["decision", told]:
                if decision := decision_of(message):
                    told = {**told, "action": Action(told["action"])}
                    decision = replace(decision, **told)
                    yield Decided(decision, cache_of(message), guard_of(message))
            case ["reset", reason, from_model, to_model, _]:
                yield Reset(reason, from_model, to_model)
            case ["notice", code, detail]:
                yield Noticed(code, detail)


def _texts(score: Sequence[Any], content: str) -> Iterator[str]:
    """Every token's text: the discarded ones from their reset, the last ones from the content."""
    lengths: list[int] = []
    for entry in score:
        if isinstance(entry, int):
            lengths.append(entry)
        elif isinstance(entry, list) and entry[0] == "reset":
            yield from _cut(entry[4], lengths)
            lengths.clear()
    yield from _cut(content, lengths)


def _cut(text: str, lengths: Sequence[int]) -> Iterator[str]:
    start = 0
    for length in lengths:
        yield text[start : start + length]
        start += length
