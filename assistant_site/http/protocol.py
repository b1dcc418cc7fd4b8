"""uvicorn's HTTP protocol, with an end to its patience.

A client that stops reading would hold its connection, and the answer that waits in it, for ever: uvicorn
waits for room in the transport without a limit.
"""

from __future__ import annotations

import asyncio

from django.conf import settings
from uvicorn.protocols.http.auto import AutoHTTPProtocol


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Cuts off a client that took nothing for STALLED_CLIENT_SECONDS while something waited for it."""

    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        super().pause_writing()
        seconds = settings.STALLED_CLIENT_SECONDS
        self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._give_time()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._give_time()
        super().connection_lost(exc)

    def _give_time(self) -> None:
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None
