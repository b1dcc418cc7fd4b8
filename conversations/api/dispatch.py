"""One path, several methods, each with its own view: async ones beside Django REST framework's.

Errors of our tree become problem answers here, for every async view.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from conversations.api.responses import error_response, problem_response
from conversations.problems import problem
from routing.errors import AssistantError

View = Callable[..., Any]


def by_method(**views: View) -> Callable[..., Coroutine[Any, Any, HttpResponseBase]]:
    """A view that hands each HTTP method to the view given for it, and answers others with 405."""
    ready = {method: _as_async(view) for method, view in views.items()}

    @csrf_exempt  # bearer tokens are no ambient authority: nothing to forge
    async def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        chosen = ready.get(request.method or "")
        if chosen is None:
            return _method_not_allowed(request, sorted(ready))
        try:
            response: HttpResponseBase = await chosen(request, **kwargs)
        except AssistantError as error:
            return error_response(request, error)
        return response

    documented = next((given for given in views.values() if hasattr(given, "cls")), None)
    if documented:  # what drf-spectacular looks for
        view.cls, view.initkwargs = documented.cls, documented.initkwargs  # type: ignore[attr-defined]
    return view


def _as_async(view: View) -> View:
    return view if iscoroutinefunction(view) else sync_to_async(view, thread_sensitive=True)


def _method_not_allowed(request: HttpRequest, allowed: list[str]) -> HttpResponseBase:
    response = problem_response(
        problem(
            405,
            "method_not_allowed",
            f"Use one of: {', '.join(allowed)}.",
            instance=request.path,
            request_id=request.META.get("assistant.request_id", ""),
        )
    )
    response["Allow"] = ", ".join(allowed)
    return response
