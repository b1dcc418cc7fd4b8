"""Events to bytes and back, for the run's log in Redis. ``load(dump(event)) == event``."""

from __future__ import annotations

from dataclasses import asdict
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
from routing.domain import Action, Decision, Source, StaysTrue
from routing.guard.types import GuardReport

_NAMES: dict[str, type[Event]] = {
    cls.__name__: cls for cls in (Started, Decided, Token, Reset, Noticed, Finished, Failed)
}


def dump(event: Event) -> bytes:
    """JSON of the event's class and fields."""
    return orjson.dumps([type(event).__name__, asdict(event)])


def load(raw: bytes) -> Event:
    """The event that ``dump`` was given."""
    name, fields = orjson.loads(raw)
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
