"""Event codec: events to JSON and back, for the event log in Redis and the script of a stored message.

Both directions follow from the fields of the union's members: a new event needs no line here. Fields
that a stored event lacks take their default, so that logs of an earlier version stay readable.

The script is a JSON array with one entry per event between ``Started`` and the terminal event:
an integer is a token's length in characters, ``["reset", reason, from, to, text]`` a reset with the
discarded text, ``["notice", code, detail]`` a notice, ``["decision", fields]`` the decision's fields
that may change afterwards, ``["event", class name, fields]`` any other event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import orjson
import structlog
from pydantic import TypeAdapter

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

_log = structlog.get_logger("assistant.runs")

# Built once: pydantic compiles an adapter in milliseconds and uses it in microseconds.
ADAPTERS: dict[str, TypeAdapter[Event]] = {
    cls.__name__: TypeAdapter(cls) for cls in get_args(Event)
}

Numbered = tuple[int, Event]
"""An event with its place in its stream, from 1."""


def dump(first: int, events: Sequence[Event]) -> bytes:
    """The JSON array ``[first, [[class name, fields], ...]]``; ``first`` is the first event's number."""
    return orjson.dumps([first, [[type(event).__name__, event] for event in events]])


def load(raw: bytes) -> list[Numbered]:
    """The events of ``dump``, numbered from its ``first``. Raises ``ValueError`` on malformed fields.

    An event of a later version leaves a gap in the numbers.
    """
    first, pairs = orjson.loads(raw)
    return [
        (number, ADAPTERS[name].validate_python(fields))
        for number, (name, fields) in enumerate(pairs, start=first)
        if name in ADAPTERS or _unknown(name)
    ]


def encode(event: Event) -> list[Any]:
    """The pair of class name and JSON-ready fields."""
    pair: list[Any] = orjson.loads(orjson.dumps([type(event).__name__, event]))
    return pair


def decode(name: str, fields: dict[str, Any]) -> Event | None:
    """The event of ``encode``; ``None``, and a warning in the log, for an unknown class name."""
    if name in ADAPTERS or _unknown(name):
        return ADAPTERS[name].validate_python(fields)
    return None


def _unknown(name: str) -> Literal[False]:
    _log.warning("unknown event", name=name)
    return False


_FRAME = frozenset({Started, Finished, Failed})
"""The first and the last event are rebuilt from the message's row, which has all their facts."""
_CHANGING = ("action", "provider", "model", "fallback", "reason")
"""Fields of a decision that a failover or a provider's refusal changes after it was sent."""


def script_of(events: Sequence[Event]) -> list[Any]:
    """The script of a run's events."""
    script: list[Any] = []
    pieces: list[str] = []
    for event in events:
        if type(event) in _FRAME:
            continue
        match event:
            case Token(text):
                pieces.append(text)
                script.append(len(text))
            case Reset(reason, from_model, to_model):
                script.append(["reset", reason, from_model, to_model, "".join(pieces)])
                pieces.clear()
            case Noticed(code, detail):
                script.append(["notice", code, detail])
            case Decided(decision):
                script.append(["decision", {name: getattr(decision, name) for name in _CHANGING}])
            case _:
                script.append(["event", *encode(event)])
    return script


def replay(message: Message, finished: dict[str, Any]) -> Iterator[Numbered]:
    """The numbered events of a stored answer. ``finished`` is its message object as it is now.

    An entry that this version cannot read leaves a gap in the numbers.
    """
    assert message.answers_id is not None  # noqa: S101 - only answers have a script
    yield 1, Started(message.conversation_id, message.id, message.answers_id)
    texts = _texts(message.script, message.content)
    for number, entry in enumerate(message.script, start=2):
        if event := _event(entry, message, texts):
            yield number, event
    last = len(message.script) + 2
    if message.status == Message.Status.FAILED:
        yield last, Failed(message.problem or {})
    else:
        yield last, Finished(finished)


def _event(entry: Any, message: Message, texts: Iterator[str]) -> Event | None:
    match entry:
        case int():
            return Token(next(texts))
        case ["decision", fields]:
            return _decided(message, fields)
        case ["reset", reason, from_model, to_model, _]:
            return Reset(reason, from_model, to_model)
        case ["notice", code, detail]:
            return Noticed(code, detail)
        case ["event", name, fields]:
            return decode(name, fields)
        case _:
            _log.warning("unknown event", entry=str(entry)[:80])
            return None


def _decided(message: Message, fields: dict[str, Any]) -> Decided | None:
    decision = decision_of(message)
    if decision is None:
        return None
    # The row has the decision as it ended; listeners got it as it was before a failover.
    decision = replace(decision, **{**fields, "action": Action(fields["action"])})
    return Decided(decision, cache_of(message), guard_of(message))


def _texts(script: Sequence[Any], content: str) -> Iterator[str]:
    """Every token's text: discarded ones from their reset's entry, the last ones from the content."""
    lengths: list[int] = []
    for entry in script:
        if isinstance(entry, int):
            lengths.append(entry)
        elif isinstance(entry, list) and entry[:1] == ["reset"]:
            yield from _cut(entry[4], lengths)
            lengths.clear()
    yield from _cut(content, lengths)


def _cut(text: str, lengths: Sequence[int]) -> Iterator[str]:
    start = 0
    for length in lengths:
        yield text[start : start + length]
        start += length
