"""What the people saw, written down as it came: the evidence that the audit compares."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

TERMINAL = frozenset({"done", "error"})
LEFT = "left"
"""The manner of whoever closed the page in the middle."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of a stream; ``data`` as it was on the wire."""

    id: int
    name: str
    data: str


@dataclass(slots=True)
class Asked:
    """One question under one ``Idempotency-Key``, and all that was heard of it. Times are
    ``time.time()``."""

    tag: str
    key: str
    user: int
    manner: str
    asked_at: float = field(default_factory=time.time)
    conversation: str = ""
    message: str = ""
    accepted: bool = False
    """Whether the site took it: it answered with a stream."""
    stopped: bool = False
    """Whether a stop was asked for and acknowledged."""
    events: list[Heard] = field(default_factory=list)
    ended_at: float = 0.0
    cuts: list[float] = field(default_factory=list)
    """When a connection broke before the end, other than by this person."""
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """For each time of silence that began with a cut: the cut, and the next event."""
    refusals: list[int] = field(default_factory=list)
    """Statuses of tries that were not taken."""
    retold: list[int] = field(default_factory=list)
    """Events that were told differently when they were told again."""
    wrong: list[str] = field(default_factory=list)
    """What no client may ever see."""

    @property
    def last(self) -> int:
        """The number of the last event."""
        return len(self.events)

    @property
    def ended(self) -> bool:
        """Whether the terminal event was heard."""
        return bool(self.events) and self.events[-1].name in TERMINAL

    @property
    def terminal(self) -> dict[str, Any]:
        """The data of the terminal event."""
        data: dict[str, Any] = json.loads(self.events[-1].data)
        return data

    @property
    def text(self) -> str:
        """What was assembled: the tokens since the last reset."""
        pieces: list[str] = []
        for event in self.events:
            if event.name == "reset":
                pieces.clear()
            elif event.name == "token":
                pieces.append(json.loads(event.data)["text"])
        return "".join(pieces)

    @property
    def tokens(self) -> int:
        """How many token events were heard."""
        return sum(event.name == "token" for event in self.events)

    def hear(self, event: Heard) -> None:
        """Write an event down; one that was heard before must be the same."""
        if len(self.gaps) < len(self.cuts):
            self.gaps += [(cut, time.time()) for cut in self.cuts[len(self.gaps) :]]
        if event.id <= self.last:
            if self.events[event.id - 1] != event:
                self.retold.append(event.id)
            return
        if event.id != self.last + 1:
            self.wrong.append(f"event {event.id} after {self.last}")
            return
        if self.ended:
            self.wrong.append(f"{event.name} after the end")
            return
        self.events.append(event)
        if event.name == "start":
            ids = json.loads(event.data)
            self.conversation, self.message = ids["conversation"], ids["message"]
        if event.name in TERMINAL:
            self.ended_at = time.time()


@dataclass(slots=True)
class Ledger:
    """All questions of a run."""

    asked: list[Asked] = field(default_factory=list)

    @property
    def open(self) -> list[Asked]:
        """Accepted, not ended, and somebody is listening."""
        return [
            each for each in self.asked if each.accepted and not each.ended and each.manner != LEFT
        ]
