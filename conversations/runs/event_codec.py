"""Event codec: events to JSON and back, for the event log in Redis and the script of a stored message.

Both directions follow from the fields of the union's members: a new event needs no line here. Fields
that a stored event lacks take their default, so that logs of an earlier version stay readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import orjson
import structlog
from pydantic import TypeAdapter

from conversations.engine.events import Event

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
