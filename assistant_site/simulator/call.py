"""One request on its way through the simulator, and what all requests share."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from assistant_site.simulator.chat import Provider
from assistant_site.simulator.faults import NO_FAULT, Fault, FaultBook
from assistant_site.simulator.journal import Journal


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a healthy simulator answers, in milliseconds."""

    first_token_delay_ms: float = 0
    token_delay_ms: float = 0

    def with_fault(self, fault: Fault) -> Pace:
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
class World:
    """What both sides share."""

    pace: Pace
    set_side: SideSwitch
    faults: FaultBook = field(default_factory=FaultBook)
    journal: Journal = field(default_factory=Journal)
    obey: bool = False


@dataclass(slots=True)
class Call:
    """One request: ``number`` is its handle in the journal, ``headers`` go into its answer."""

    request: web.Request
    provider: Provider
    kind: str
    world: World
    request_id: str
    headers: dict[str, str]
    body: Any = None
    number: int = 0
    fault: Fault = NO_FAULT

    @property
    def model(self) -> str:
        """The model asked for, or nothing."""
        return str(self.body.get("model") or "") if isinstance(self.body, dict) else ""

    @property
    def pace(self) -> Pace:
        """How fast this one is answered."""
        return self.world.pace.with_fault(self.fault)

    def note(self, **facts: Any) -> None:
        """Add to this request's record."""
        self.world.journal.note(self.number, **facts)

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


CallHandler = Callable[[Call], Awaitable[web.StreamResponse]]


async def pause(milliseconds: float) -> None:
    """Sleep, or not at all."""
    if milliseconds > 0:
        await asyncio.sleep(milliseconds / 1000)
