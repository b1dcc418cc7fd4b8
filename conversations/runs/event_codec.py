"""Events to bytes and back, for the run's log in Redis. ``load(dump(n, events))`` numbers them from ``n``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

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
from routing.domain.actions import Action
from routing.domain.guard import GuardReport
from routing.domain.rules import Decision, Source, StaysTrue

_NAMES: dict[str, type[Event]] = {
    cls.__name__: cls for cls in (Started, Decided, Token, Reset, Noticed, Finished, Failed)
}


Numbered = tuple[int, Event]
"""An event with its place in its stream, from 1."""


def dump(first: int, events: Sequence[Event]) -> bytes:
    """JSON of the first one's number, and of each event's class and fields."""
    return orjson.dumps([first, [[type(event).__name__, event] for event in events]])


def load(raw: bytes) -> list[Numbered]:
    """The events that ``dump`` was given, with their numbers."""
    first, events = orjson.loads(raw)
    return list(enumerate((_event(*event) for event in events), start=first))


def _event(name: str, fields: dict[str, Any]) -> Event:
    if name == "Started":
        return Started(**{key: UUID(value) for key, value in fields.items()})
    if name == "Decided":
        return Decided(
            _decision(fields["decision"]), _cache(fields["cache"]), _guard(fields["guard"])
        )
    return _NAMES[name](**fields)


def _decision(fields: dict[str, Any]) -> Decision:
    return Decision(
        **{
            **fields,
            "action": Action(fields["action"]),
            "source": Source(fields["source"]),
            "stays_true": StaysTrue(fields.get("stays_true", StaysTrue.MONTHS)),
            "suggestions": tuple(fields["suggestions"]),
        }
    )


def _cache(fields: dict[str, Any]) -> CacheFacts:
    entry = fields["entry"]
    return CacheFacts(**{**fields, "entry": UUID(entry) if entry else None})


def _guard(fields: dict[str, Any]) -> GuardReport:
    return GuardReport(**{**fields, "signals": tuple(fields["signals"])})
