"""Paths of OpenAI's API, under ``/v1/``: each with and without a last slash, never by a redirect."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

from conversations.api.openai import chat, models
from conversations.api.openai.errors import error_response, problem_response
from conversations.api.responses import View
from conversations.db.access import AWAY
from conversations.domain.errors import DatabaseAway
from conversations.domain.problems import problem
from routing.domain.errors import AssistantError

_log = structlog.get_logger("assistant.openai")


def by_method(**views: View) -> Callable[..., Coroutine[Any, Any, HttpResponseBase]]:
    """A view that calls the view of each HTTP method; all errors have OpenAI's shape."""
    allowed = ", ".join([*views, "OPTIONS"])

    @csrf_exempt  # bearer tokens are no ambient authority: nothing to forge
    async def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": allowed})
        chosen = views.get("GET" if request.method == "HEAD" else request.method or "")
        if chosen is None:
            response = problem_response(problem(405, "method_not_allowed", f"Use {allowed}."))
            response["Allow"] = allowed
            return response
        try:
            answer: HttpResponseBase = await chosen(request, **kwargs)
        except AssistantError as error:
            return error_response(request, error)
        except AWAY as exc:
            _log.error("the database does not answer", error=f"{type(exc).__name__}: {exc}")
            return error_response(request, DatabaseAway())
        except Exception:  # noqa: BLE001 - a bug is an answer in OpenAI's shape, too
            _log.exception("request crashed")
            return error_response(request, AssistantError("crashed"))
        return answer

    view.native_methods = frozenset(views)  # type: ignore[attr-defined]
    return view


async def not_found(request: HttpRequest) -> HttpResponse:
    """Any other path."""
    del request
    return problem_response(problem(404, "not_found", "There is nothing here."))


urlpatterns = [
    re_path(r"^models/?$", by_method(GET=models.list_models)),
    re_path(r"^models/(?P<model>.{1,200}?)/?$", by_method(GET=models.read_model)),
    re_path(r"^chat/completions/?$", by_method(POST=chat.complete)),
    re_path(r"", csrf_exempt(not_found)),
]
