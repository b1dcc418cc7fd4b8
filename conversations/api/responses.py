"""Responses of the async views: objects, problems and streams; and the dispatch of a path by method.

Errors of our tree become problem answers here, for every async view.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar
from uuid import UUID

import orjson
import structlog
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from conversations.adapters.limits import StreamSlot
from conversations.api.requests import Origin
from conversations.api.sse import KEEP_ALIVE, encode
from conversations.db.access import AWAY, rights_missed
from conversations.domain.errors import DatabaseAway, RunInterrupted
from conversations.domain.problems import Problem, problem, problem_headers, problem_of
from conversations.engine.events import Event, Failed
from conversations.runs.event_codec import Numbered
from conversations.runs.run import EventStream
from routing.common.translatable import Translatable
from routing.domain.errors import AssistantError

_log = structlog.get_logger("assistant.api")

PROBLEM_JSON = "application/problem+json"
OCTETS = "application/octet-stream"
T = TypeVar("T")
View = Callable[..., Any]
MethodView = Callable[..., Coroutine[Any, Any, HttpResponseBase]]
RenderError = Callable[[HttpRequest, AssistantError], HttpResponse]
Encode = Callable[[int, Event], bytes]
"""The frames of a numbered event."""
RenderProblem = Callable[[Mapping[str, Any]], HttpResponse]


def native(view: View) -> View:
    """Marks a view that is async to its last line: no session, no thread of the request's own. It is
    served on the fast path."""
    view.native = True  # type: ignore[attr-defined]
    return view


def by_method(**views: View) -> MethodView:
    """One path, several methods, as ``dispatch`` does; errors are problems."""
    return dispatch(views, error_response, problem_response)


def dispatch(
    views: Mapping[str, View], render_error: RenderError, render_problem: RenderProblem
) -> MethodView:
    """A view that calls the view of each HTTP method, and answers other methods with 405. Async views
    stand beside Django REST framework's. The renderers give errors the shape of an API."""
    by_name = {
        method: view if iscoroutinefunction(view) else sync_to_async(view, thread_sensitive=True)
        for method, view in views.items()
    }
    allowed = ", ".join([*by_name, *(["HEAD"] if "GET" in by_name else []), "OPTIONS"])

    @csrf_exempt  # bearer tokens are no ambient authority: nothing to forge
    async def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": allowed})
        # A HEAD is answered like a GET; the server leaves the body out.
        chosen = by_name.get("GET" if request.method == "HEAD" else request.method or "")
        if chosen is None:
            response = render_problem(_method_not_allowed(request, allowed))
            response["Allow"] = allowed
            return response
        try:
            with rights_missed():
                answer: HttpResponseBase = await chosen(request, **kwargs)
        except AssistantError as error:
            return render_error(request, error)
        except AWAY as exc:
            _log.error("the database does not answer", error=f"{type(exc).__name__}: {exc}")
            return render_error(request, DatabaseAway.of(exc))
        return answer

    view.native_methods = frozenset(  # type: ignore[attr-defined]
        method for method, each in views.items() if getattr(each, "native", False)
    )
    documented = next((each for each in views.values() if hasattr(each, "cls")), None)
    if documented:  # the attributes that drf-spectacular looks for
        view.cls, view.initkwargs = documented.cls, documented.initkwargs  # type: ignore[attr-defined]
    return view


def _method_not_allowed(request: HttpRequest, allowed: str) -> Problem:
    return problem(
        405,
        "method_not_allowed",
        Translatable("Use one of: {methods}.", methods=allowed),
        instance=request.path,
        request_id=request.META.get("assistant.request_id", ""),
    )


def json_response(body: Any, *, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")


def file_type(request: HttpRequest, usual: str) -> str:
    """The media type of a file: ``application/octet-stream`` for who accepts that alone, as generated
    clients do, which know no other name for bytes."""
    return OCTETS if request.headers.get("Accept") == OCTETS else usual


def problem_response(problem: Mapping[str, Any]) -> HttpResponse:
    """A problem object as its own answer, with its wait as a header too."""
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


def stream_response(events: EventStream, message: UUID, origin: Origin) -> StreamingHttpResponse:
    """The events of an answer. ``Location`` is the address at which the stream is continued."""
    response = event_stream(encoded(events, encode))
    response["Location"] = f"{origin.site}/api/v1/messages/{message}/stream/"
    return response


def event_stream(frames: AsyncGenerator[bytes, None]) -> StreamingHttpResponse:
    """Server-sent events, with the headers that keep proxies from buffering them."""
    response = StreamingHttpResponse(frames, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def encoded(
    events: EventStream, encode: Encode, ended: Callable[[], bool] | None = None
) -> AsyncGenerator[bytes, None]:
    """Frames of an encoder, one chunk for a batch; a comment for a silence. With ``ended``, which says
    whether the last frame was made, events that stop before it end as interrupted."""
    last = 0
    error: AssistantError | None = RunInterrupted() if ended else None
    try:
        async with aclosing(events):
            async for batch in events:
                if batch:
                    last = batch[-1][0]
                yield b"".join(encode(*item) for item in batch) or KEEP_ALIVE
                if ended and ended():
                    return
    # The status is sent by now: an error can only be an event.
    except AssistantError as exc:
        error = exc
    except AWAY as exc:
        error = DatabaseAway.of(exc)
    if error:
        yield encode(last + 1, Failed(problem_of(error)))


async def with_slot(slot: StreamSlot, stream: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items of an open stream, which holds its slot until it is closed."""
    try:
        async with aclosing(stream):
            async for item in stream:
                yield item
    finally:
        slot.release()


async def chained(seen: Sequence[Numbered], rest: EventStream) -> EventStream:
    """The events already taken from ``rest``, then the others."""
    async with aclosing(rest):
        yield seen
        async for later in rest:
            yield later


async def begun(events: EventStream) -> EventStream:
    """The stream with its first events taken: a fault is then a status, not an event, and the status goes
    out together with them."""
    try:
        first = await anext(events)
    except StopAsyncIteration:
        return events
    except BaseException:
        await events.aclose()
        raise
    return chained(first, events)
