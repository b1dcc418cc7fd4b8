"""Simulated call: one request on its way through the simulator, its record, and the shared state."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from aiohttp import web

from assistant_site.simulator.chat import Provider
from assistant_site.simulator.faults import NO_FAULT, FaultBook, SimulatedFault

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


class RequestLog:
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
            # The oldest goes: a dictionary keeps the order in which its keys came.
            if len(self._records) > self._kept:
                del self._records[next(iter(self._records))]
            self._changed.notify_all()
            return self._count

    def note(self, number: int, **changes: Any) -> None:
        """Update a record. The first ``outcome`` of a request stays."""
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


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a healthy simulator answers, in milliseconds."""

    first_token_delay_ms: float = 0
    token_delay_ms: float = 0

    def with_fault(self, fault: SimulatedFault) -> Pace:
        """This pace where ``fault`` does not say otherwise."""
        return Pace(
            self.first_token_delay_ms
            if fault.first_token_delay_ms is None
            else fault.first_token_delay_ms,
            self.token_delay_ms if fault.token_delay_ms is None else fault.token_delay_ms,
        )


class SideSwitch(Protocol):
    """Takes one side up or down. Raises ``KeyError`` for a side that is not served."""

    def __call__(self, side: str, *, up: bool) -> None: ...


@dataclass(slots=True)
class SimulatorState:
    """State that both sides share: pace, faults and recorded requests."""

    pace: Pace
    set_side: SideSwitch
    faults: FaultBook = field(default_factory=FaultBook)
    journal: RequestLog = field(default_factory=RequestLog)
    obey: bool = False


@dataclass(slots=True)
class SimulatedCall:
    """One request: ``number`` is its handle in the journal, ``headers`` go into its answer."""

    request: web.Request
    provider: Provider
    kind: str
    state: SimulatorState
    request_id: str
    headers: dict[str, str]
    body: Any = None
    number: int = 0
    fault: SimulatedFault = NO_FAULT

    @property
    def model(self) -> str:
        """The model asked for, or nothing."""
        return str(self.body.get("model") or "") if isinstance(self.body, dict) else ""

    @property
    def pace(self) -> Pace:
        """How fast this one is answered."""
        return self.state.pace.with_fault(self.fault)

    def note(self, **facts: Any) -> None:
        """Add to this request's record."""
        self.state.journal.note(self.number, **facts)

    async def abort(self, *, reset: bool = False) -> None:
        """Close the connection as a crashed server does; ``reset`` is ruder still."""
        transport = self.request.transport
        if transport is None:
            return
        if reset:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # What was written before is still on its way: give the loop a turn to hand it over.
        await asyncio.sleep(0)
        transport.abort()


CallHandler = Callable[[SimulatedCall], Awaitable[web.StreamResponse]]
Route = tuple[str, str, str, CallHandler]
"""Method, path, kind of the call, handler."""


async def pause(milliseconds: float) -> None:
    """Sleep, or not at all."""
    if milliseconds > 0:
        await asyncio.sleep(milliseconds / 1000)
