"""Continuing an answer's stream from any point, and stopping it, from any worker."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase

from conversations.api.ask import message_body
from conversations.api.authentication import authenticate
from conversations.api.requests import (
    Shape,
    accepted_shape,
    event_position,
    origin_of,
)
from conversations.api.responses import begun, json_response, native, stream_response, with_slot
from conversations.bootstrap import Container, container
from conversations.db.access import in_database
from conversations.domain.api_keys import Scope
from conversations.domain.errors import NotAcceptable
from conversations.runs.run import EventStream
from conversations.storage import selectors

STOP_SECONDS = 3.0
"""How long a stop waits to tell how it ended; the provider call itself ends within one."""


@native
async def resume(request: HttpRequest, message: UUID) -> HttpResponseBase:
    """``GET /messages/{id}/stream/``: the events after ``Last-Event-ID``, to the end."""
    caller = await authenticate(request, Scope.CHAT, Scope.CONVERSATIONS)
    user, origin = caller.user, origin_of(request)
    if accepted_shape(request.headers.get("Accept", "")) is Shape.OBJECT:
        raise NotAcceptable("A stream comes as text/event-stream.")
    after = event_position(request)
    parts = container()
    await in_database(selectors.answer_get, user=user, message=message)
    slot = await parts.stream_limits.acquire(user)
    events = parts.runs.follow(user=user, message=message, origin=origin.site, after=after)
    return stream_response(await begun(with_slot(slot, events)), message, origin)


@native
async def stop(request: HttpRequest, message: UUID) -> HttpResponseBase:
    """``POST /messages/{id}/stop/``: end the answer, keep its text, return the message object."""
    caller = await authenticate(request, Scope.CHAT, Scope.CONVERSATIONS)
    user, origin = caller.user, origin_of(request)
    parts = container()
    stored = await in_database(selectors.answer_get, user=user, message=message)
    if stored.status == stored.Status.STREAMING:
        await stop_running(parts, user, message)
    return json_response(await message_body(user, message, origin.site))


async def stop_running(parts: Container, user: int, message: UUID) -> None:
    """Stop an answer that is being written, and wait a little for its end. Raises ``RunLogUnavailable``."""
    await parts.runs.stop(message)
    await _ended(parts.runs.follow(user=user, message=message, origin=""))


async def _ended(events: EventStream) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS), aclosing(events):
            async for _ in events:
                pass
    except TimeoutError:
        return
