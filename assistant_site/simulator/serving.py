"""One chat answer from the request to the last byte, for either wire format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from aiohttp import web

from assistant_site.simulator.answers import compose
from assistant_site.simulator.call import Call, pause
from assistant_site.simulator.chat import Ask, Frame, Reply
from assistant_site.simulator.delivery import FOREVER_MS, Stream, StreamWire, send_json
from assistant_site.simulator.errors import scripted


class ChatWire(StreamWire, Protocol):
    """A provider's chat format; the two modules are it."""

    def whole(self, ask: Ask, reply: Reply) -> dict[str, Any]:
        """The answer in one piece."""
        ...

    def frames(
        self, ask: Ask, reply: Reply, *, no_usage: bool = False, no_done: bool = False
    ) -> Iterator[Frame]:
        """The answer as a stream."""
        ...


async def serve_chat(call: Call, wire: ChatWire, ask: Ask) -> web.StreamResponse:
    """Answer ``ask`` in the shape it wants, with the request's fault."""
    fault = call.fault
    reply = compose(ask, fault, obey=call.world.obey or fault.obey)
    if ask.stream:
        frames = wire.frames(ask, reply, no_usage=fault.no_usage, no_done=fault.no_done)
        return await Stream(call, wire).send(frames)
    await pause(call.pace.first_token_delay_ms)
    if fault.stall_after is not None:
        await pause(FOREVER_MS if fault.stall_ms is None else fault.stall_ms)
    if fault.error_after is not None:
        raise scripted(wire.provider, fault)
    body = wire.whole(ask, reply)
    if fault.no_usage:
        del body["usage"]
    return await send_json(call, body)
