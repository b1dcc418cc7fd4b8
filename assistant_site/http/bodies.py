"""Limits of request bodies: one table by path, and an ASGI receive channel that keeps to it.

A body that is announced as too large is never asked for; one that turns out to be is not read on. The
request then goes through all middlewares to ``refused``, and the connection is closed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from assistant_site.http.error_views import error_page
from assistant_site.http.refusals import REFUSED
from conversations.api.requests import check_bearer, too_long_prompt
from conversations.domain.errors import BodyTooLarge, NotAuthenticated, WorkerFull
from routing.common.translatable import Translatable
from routing.domain.errors import AssistantError

Message = dict[str, Any]
SIGN_IN_BYTES = 256 * 1024
CHAT_BYTES = 32 * 1024 * 1024
"""A whole conversation, of a coding agent or of a front end, comes with each request."""
STRANGER_BYTES = 64 * 1024
"""Most bytes that are read before the token is checked."""

MEMORY_BYTES = 256 * 1024 * 1024
"""Most bytes of all bodies that a worker holds at a time."""

LIMITS = (
    (re.compile(r"/api/v1/auth/|/session/"), SIGN_IN_BYTES),
    (re.compile(r"/v1/|/api/chat"), CHAT_BYTES),
    (re.compile(r"/admin/routing/\w+/import/"), settings.FILE_UPLOAD_MAX_MEMORY_SIZE),
)
"""Most bytes by the beginning of the path, where it is not DATA_UPLOAD_MAX_MEMORY_SIZE. Bodies are kept in memory: none of them reaches a disk."""

_NEEDS_TOKEN = re.compile(r"/(?:api/v1/(?!auth/)|api/chat|v1/)")
_ASKS = re.compile(r"/api/v1/(?:conversations/[^/]+/)?messages/?")
_held = [0]
"""One sum of the process."""


def body_limit(path: str) -> int:
    """Most bytes of a body that is sent to this path."""
    return next(
        (limit for start, limit in LIMITS if start.match(path)),
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    )


def held() -> int:
    """Bytes of all bodies that this process holds now."""
    return _held[0]


class BoundedBody:
    """The ``receive`` and ``send`` of one request, with its body within ``body_limit``. ``error`` is
    set when it is not."""

    def __init__(self, scope: Message, receive: Any, send: Any) -> None:
        self._receive, self._send = receive, send
        self._path = scope["path"].removeprefix(scope.get("root_path", ""))
        self._limit = body_limit(self._path)
        self._taken = 0
        self._is_whole = self._is_told = False
        self.error: AssistantError | None = None
        self._check_head({bytes(name): bytes(value) for name, value in scope["headers"]})

    def _check_head(self, headers: Mapping[bytes, bytes]) -> None:
        announced = headers.get(b"content-length", b"0").strip()
        size = int(announced) if announced.isdigit() and len(announced) < 16 else self._limit + 1
        if size > self._limit:
            self._refuse(self._too_large(), "body_bytes")
        elif _NEEDS_TOKEN.match(self._path) and (
            size > STRANGER_BYTES or b"transfer-encoding" in headers
        ):
            try:
                check_bearer(headers.get(b"authorization", b"").decode("latin-1"))
            except NotAuthenticated as error:
                self._refuse(error, "stranger")

    def _too_large(self) -> AssistantError:
        if _ASKS.fullmatch(self._path):
            return too_long_prompt()
        return BodyTooLarge(Translatable("At most {most} bytes are taken.", most=self._limit))

    def _refuse(self, error: AssistantError, reason: str) -> None:
        self.error = error
        REFUSED.labels(reason).inc()

    async def receive(self) -> Message:
        """The next message; the end of the body when the rest of it is not wanted."""
        if self.error is None:
            message: Message = await self._receive()
            size = len(message.get("body", b""))
            self._taken += size
            _held[0] += size
            self._is_whole = not message.get("more_body", False)
            if self._taken > self._limit:
                self._refuse(self._too_large(), "body_bytes")
            elif _held[0] > MEMORY_BYTES:
                self._refuse(WorkerFull("Too much is being sent. Please try again."), "body_memory")
            else:
                return message
        if not self._is_told:
            self._is_told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        # To ask for more would let the client send it, after "Expect: 100-continue" above all.
        return await asyncio.Future()

    async def send(self, message: Message) -> None:
        """Pass a message on. A client with more to send is told that it will not be read."""
        if message["type"] == "http.response.start" and not self._is_whole:
            headers = [*message.get("headers", ()), (b"connection", b"close")]
            message = {**message, "headers": headers}
        await self._send(message)

    def close(self) -> None:
        """The request is over: its body is held no longer."""
        _held[0] -= self._taken


@csrf_exempt  # nothing is done
async def refused(request: HttpRequest, error: AssistantError) -> HttpResponseBase:
    """The answer to a request whose body was not read."""
    return error_page(request, error)
