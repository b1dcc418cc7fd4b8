"""Server protocol of the simulator: aiohttp's, with the limits of ``ConnectionGuard``."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from assistant_site.wire.framing import HEAD_BYTES
from assistant_site.wire.guard import ConnectionGuard


class SimulatorProtocol(ConnectionGuard, RequestHandler):  # type: ignore[misc]  # aiohttp's own slots
    """aiohttp's request handler behind the guard. Its own limits of heads are wider."""

    transport: Any

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        limits = {"max_line_size": HEAD_BYTES, "max_field_size": HEAD_BYTES}
        super().__init__(server, loop=loop, access_log=None, **limits)  # type: ignore[arg-type]

    def is_answering(self) -> bool:
        """True while a handler runs, or a request waits for it."""
        return bool(self._current_request or self._messages)
