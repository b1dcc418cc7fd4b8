"""Write timeout: uvicorn's HTTP protocol, but a client that stops reading loses its connection.

uvicorn itself waits without a limit until the client reads on, and the answer waits with it.
"""

from __future__ import annotations

import asyncio

from django.conf import settings
from uvicorn.protocols.http.auto import AutoHTTPProtocol


class WriteTimeoutProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Aborts the connection if the client reads nothing for STALLED_CLIENT_SECONDS."""

    _timeout: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        super().pause_writing()
        seconds = settings.STALLED_CLIENT_SECONDS
        self._timeout = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._cancel_timeout()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._cancel_timeout()
        super().connection_lost(exc)

    def _cancel_timeout(self) -> None:
        if self._timeout:
            self._timeout.cancel()
            self._timeout = None
