"""What a sequence of events says, read from the events alone: a run's own, or another worker's log."""

from __future__ import annotations

from collections.abc import Iterable

from conversations.engine.events import Decided, Event, Failed, Finished, Reset, Token


def is_terminal(event: Event) -> bool:
    """Whether nothing follows it."""
    return isinstance(event, Finished | Failed)


def spoken(events: Iterable[Event]) -> str:
    """What was said since the last reset."""
    pieces: list[str] = []
    for event in events:
        if isinstance(event, Token):
            pieces.append(event.text)
        elif isinstance(event, Reset):
            pieces.clear()
    return "".join(pieces)


def decided(events: Iterable[Event]) -> Decided | None:
    """The decision that listeners were told."""
    return next((event for event in events if isinstance(event, Decided)), None)
