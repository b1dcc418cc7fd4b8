"""One path, several methods, each with its own view: async ones beside Django REST framework's.

Errors of our tree become problem answers here, for every async view.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from conversations.api.responses import error_response, problem_response
from conversations.db.threads import AWAY
from conversations.domain.errors import DatabaseAway
from conversations.domain.problems import problem
from routing.domain.errors import AssistantError

_log = structlog.get_logger("assistant.api")

View = Callable[..., Any]


def native(view: View) -> View:
    """Marks a view that is async to its last line: no session, no thread of the request's own. It is
    served on the short way in."""
    view.native = True  # type: ignore[attr-defined]
    return view


def by_method(**views: View) -> Callable[..., Coroutine[Any, Any, HttpResponseBase]]:
    """A view that hands each HTTP method to the view given for it, and answers others with 405."""
    ready = {method: _as_async(view) for method, view in views.items()}
    allowed = ", ".join([*ready, *(["HEAD"] if "GET" in ready else []), "OPTIONS"])

    @csrf_exempt  # bearer tokens are no ambient authority: nothing to forge
    async def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": allowed})
        # A HEAD is answered like a GET; the server leaves the body out.
        chosen = ready.get("GET" if request.method == "HEAD" else request.method or "")
        if chosen is None:
            return _method_not_allowed(request, allowed)
        try:
            response: HttpResponseBase = await chosen(request, **kwargs)
        except AssistantError as error:
            return error_response(request, error)
        except AWAY as exc:
            _log.error("the database does not answer", error=f"{type(exc).__name__}: {exc}")
            return error_response(request, DatabaseAway())
        return response

    view.native_methods = frozenset(  # type: ignore[attr-defined]
        method for method, given in views.items() if getattr(given, "native", False)
    )
    documented = next((given for given in views.values() if hasattr(given, "cls")), None)
    if documented:  # what drf-spectacular looks for
        view.cls, view.initkwargs = documented.cls, documented.initkwargs  # type: ignore[attr-defined]
    return view


def _as_async(view: View) -> View:
    return view if iscoroutinefunction(view) else sync_to_async(view, thread_sensitive=True)


def _method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponseBase:
    response = problem_response(
        problem(
            405,
            "method_not_allowed",
            f"Use one of: {allowed}.",
            instance=request.path,
            request_id=request.META.get("assistant.request_id", ""),
        )
    )
    response["Allow"] = allowed
    return response
