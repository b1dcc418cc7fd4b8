"""What the simulator was asked, and how each request ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

KEPT = 2000


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it stood when it was looked at.

    ``body`` is the decoded JSON, or ``None``; header names are lower case. ``closed_early``: the
    client closed the connection before the answer was whole. ``status`` is 0 until one was sent.
    ``outcome``: ``open``, ``complete``, ``closed_early``, or how the simulator itself broke it.
    ``tokens`` counts the content tokens sent; ``connection`` is the client's port.
    """

    number: int
    provider: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    call: str = ""
    model: str = ""
    status: int = 0
    tokens: int = 0
    connection: int = 0
    outcome: str = "open"
    fault: Mapping[str, Any] = field(default_factory=dict)

    @property
    def closed_early(self) -> bool:
        """Whether the client left before the answer was whole."""
        return self.outcome == "closed_early"


class Journal:
    """The last ``kept`` requests, oldest first; thread-safe, and can be waited on."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._changed = threading.Condition()
        self._records: dict[int, RecordedRequest] = {}
        self._count = 0

    @property
    def records(self) -> list[RecordedRequest]:
        """A copy."""
        with self._changed:
            return list(self._records.values())

    def open(self, **facts: Any) -> int:
        """Record a request that came in; the number is its handle."""
        with self._changed:
            self._count += 1
            self._records[self._count] = RecordedRequest(number=self._count, **facts)
            if len(self._records) > self._kept:
                del self._records[next(iter(self._records))]
            self._changed.notify_all()
            return self._count

    def note(self, number: int, **changes: Any) -> None:
        """Add what became known. The first ``outcome`` of a request stays."""
        with self._changed:
            record = self._records.get(number)
            if record is None:
                return
            if record.outcome != "open":
                changes.pop("outcome", None)
            self._records[number] = replace(record, **changes)
            self._changed.notify_all()

    def settle(self, provider: str, outcome: str) -> None:
        """Give ``outcome`` to all requests of ``provider`` that are still open."""
        with self._changed:
            for number, record in self._records.items():
                if record.provider == provider and record.outcome == "open":
                    self._records[number] = replace(record, outcome=outcome)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all."""
        with self._changed:
            self._records.clear()
            self._changed.notify_all()

    def wait_for(
        self, condition: Callable[[list[RecordedRequest]], bool], timeout: float
    ) -> list[RecordedRequest]:
        """Block until ``condition`` holds for the records, and return them. Raises
        ``TimeoutError`` after ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(list(self._records.values())), timeout):
                raise TimeoutError(f"not within {timeout:g} s: {list(self._records.values())}")
            return list(self._records.values())
