"""Writing an answer on the async path: an object, a problem, or a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from conversations.adapters.limits import StreamSlot
from conversations.api.requests import Origin
from conversations.api.sse import KEEP_ALIVE, encode
from conversations.db.threads import AWAY
from conversations.domain.errors import DatabaseAway
from conversations.domain.problems import problem_headers, problem_of
from conversations.engine.events import Failed
from conversations.runs.event_codec import Numbered
from conversations.runs.follow import Followed
from routing.domain.errors import AssistantError

PROBLEM_JSON = "application/problem+json"


def json_response(body: Any, *, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")


def problem_response(problem: Mapping[str, Any]) -> HttpResponse:
    """A problem object as its own answer, with the wait it tells of as a header."""
    response = HttpResponse(
        orjson.dumps(problem), status=problem["status"], content_type=PROBLEM_JSON
    )
    if retry_after := problem.get("retry_after"):
        response["Retry-After"] = str(retry_after)
    return response


def error_response(request: HttpRequest, error: AssistantError) -> HttpResponse:
    """The answer to a request that ended in ``error``."""
    request_id = request.META.get("assistant.request_id", "")
    response = problem_response(problem_of(error, instance=request.path, request_id=request_id))
    for field, value in problem_headers(error).items():
        response[field] = value
    return response


def stream_url(message: UUID, site: str) -> str:
    """Where an answer's stream is continued."""
    return f"{site}/api/v1/messages/{message}/stream/"


def stream_response(events: Followed, message: UUID, origin: Origin) -> StreamingHttpResponse:
    """Server-sent events, with the headers that keep proxies from holding them back."""
    response = StreamingHttpResponse(
        encoded(events), content_type="text/event-stream; charset=utf-8"
    )
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    response["Location"] = stream_url(message, origin.site)
    return response


async def encoded(events: Followed) -> AsyncGenerator[bytes, None]:
    """Frames, those of one moment together; a comment for every silence. What goes wrong now is an event: the status is sent."""
    last = 0
    try:
        async with aclosing(events):
            async for batch in events:
                if batch:
                    last = batch[-1][0]
                yield b"".join(encode(*item) for item in batch) or KEEP_ALIVE
    except AssistantError as error:
        yield encode(last + 1, Failed(problem_of(error)))
    except AWAY:
        yield encode(last + 1, Failed(problem_of(DatabaseAway())))


async def with_slot(slot: StreamSlot, events: Followed) -> Followed:
    """The events of an open stream, which counts as one until it is closed."""
    try:
        async with aclosing(events):
            async for batch in events:
                yield batch
    finally:
        slot.release()


async def chained(seen: Sequence[Numbered], rest: Followed) -> Followed:
    """The events already taken from ``rest``, then the others."""
    async with aclosing(rest):
        yield seen
        async for later in rest:
            yield later
