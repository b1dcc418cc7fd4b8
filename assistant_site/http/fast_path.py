"""The short way in, for views that are async themselves: asking, streams, stopping, health.

Django prepares every request for synchronous code: a thread of its own, signals that look after that
thread's database connections, and middlewares for sessions and forms. These views use none of it (their
database work has threads that last, ``conversations.db.threads``); on the short way they do not pay
for it either.
"""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve, set_script_prefix
from django.utils.deprecation import MiddlewareMixin
from django.utils.module_loading import import_string

from assistant_site.http.handler import SiteHandler

FOR_PAGES = frozenset(
    {
        "servestatic.middleware.ServeStaticMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "axes.middleware.AxesMiddleware",
    }
)
"""Middlewares of people in browsers: files, cookies, forms. Bearer tokens need none of them."""

HEADERS_ALONE = frozenset(
    {
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "assistant_site.http.middleware.SlashMiddleware",
        "assistant_site.http.middleware.PolicyMiddleware",
    }
)
"""Synchronous middlewares that never wait: they look at headers, and may do so on the event loop. Django
would hand them to a thread twice a request: measured, half a millisecond each."""

_MATCH = "assistant.match"


class ShortWay(SiteHandler):
    """Django's handler without threads and signals, and with the middlewares that are not
    ``FOR_PAGES``, in their order."""

    def takes(self, scope: dict[str, Any]) -> bool:
        """Whether the view that this request is for needs nothing more."""
        root = scope.get("root_path", "")
        try:
            match = resolve(scope["path"].removeprefix(root))
        except Resolver404:
            return False
        scope[_MATCH] = match
        return scope["method"] in getattr(match.func, "native_methods", ())

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request; a client that leaves ends it."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        set_script_prefix(get_script_prefix(scope))
        request, refusal = self.create_request(scope, body)
        if request is None:
            await self.send_response(refusal or HttpResponseBadRequest(), send)
            return
        both = asyncio.create_task(receive()), asyncio.create_task(self._answer(request, send))
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving, answering = both
            leaving.cancel()
            answering.cancel()  # without effect when it is done
            await asyncio.gather(leaving, return_exceptions=True)
            await asyncio.wait({answering})
            body.close()
        if not answering.cancelled():
            answering.result()

    async def _answer(self, request: HttpRequest, send: Any) -> None:
        response = await self.run_get_response(request)
        try:
            await self.send_response(response, send)
        finally:
            response.close()

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """What ``takes`` has found."""
        match: ResolverMatch = request.scope[_MATCH]  # type: ignore[attr-defined]
        request.resolver_match = match
        return match

    def load_middleware(self, is_async: bool = True) -> None:
        """Only such as are async themselves. Raises ``TypeError`` for another."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        way: Any = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]
        for name in reversed(settings.MIDDLEWARE):
            if name not in FOR_PAGES:
                way = convert_exception_to_response(_native(name, way))
        self._middleware_chain = way


class _AtOnce(MiddlewareMixin):
    """Mixed into one of ``HEADERS_ALONE``: its hooks run where the request is."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before, after = (getattr(self, f"process_{part}", None) for part in ("request", "response"))
        response = before(request) if before else None
        if response is None:
            response = await self.get_response(request)  # type: ignore[misc]
        return after(request, response) if after else response  # type: ignore[no-any-return]


def _native(name: str, inner: Any) -> Any:
    middleware = import_string(name)
    if name in HEADERS_ALONE:
        middleware = type(middleware.__name__, (_AtOnce, middleware), {})
    made = middleware(inner)
    if not iscoroutinefunction(made):
        raise TypeError(f"{name} is not async: it is FOR_PAGES, or waits and needs another form")
    return made
