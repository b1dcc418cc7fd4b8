"""Fast path: Django's ASGI handler without threads and signals, for views that are async to their end.

Django prepares each request for synchronous code: one thread, signals that look after this thread's
database connections, middlewares for sessions and forms. Asking, streams, stops and health use none of
them (their database work has lasting threads, ``conversations.db.access``), so ``FastPathHandler``
leaves them out. All other requests go through ``SiteHandler``.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve, set_script_prefix
from django.utils.deprecation import MiddlewareMixin
from django.utils.module_loading import import_string

from assistant_site.http.bodies import BoundedBody, refused

BROWSER_MIDDLEWARE = frozenset(
    {
        "servestatic.middleware.ServeStaticMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "axes.middleware.AxesMiddleware",
    }
)
"""Left out: static files, cookies, sessions and forms. Requests with bearer tokens need none of them."""

HEADER_MIDDLEWARE = frozenset(
    {
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "assistant_site.http.middleware.SlashMiddleware",
        "assistant_site.http.middleware.PolicyMiddleware",
    }
)
"""Synchronous middlewares that only read and set headers: they run on the event loop. Django would hand
each to a thread twice a request (measured: half a millisecond each)."""

_MATCH, _BODY = "assistant.match", "assistant.body"


class SiteRequest(ASGIRequest):
    """Request whose Content-Type may name an unknown encoding: the header's parameters are then ignored.

    Django 5.2 crashes over it before any view or error handler."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]  # not in the stubs
        except ValueError:
            bare = meta.get("CONTENT_TYPE", "").partition(";")[0]
            super()._set_content_type_params({**meta, "CONTENT_TYPE": bare})  # type: ignore[misc]


class SiteHandler(ASGIHandler):
    """Django's ASGI application with ``SiteRequest`` and ``BoundedBody``. Needs ``django.setup()``."""

    request_class = SiteRequest

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request, whose body is within its limit or is not read."""
        body = scope[_BODY] = BoundedBody(scope, receive, send)
        try:
            await self.respond(scope, body.receive, body.send)
        finally:
            body.close()

    async def respond(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Django's own way."""
        await super().__call__(scope, receive, send)

    async def read_body(self, receive: Any) -> BytesIO:
        """The body in memory; Django's own is a file, on disk when it is large. Raises
        ``RequestAborted``."""
        body = BytesIO()
        while (message := await receive())["type"] != "http.disconnect":
            body.write(message.get("body", b""))
            if not message.get("more_body", False):
                body.seek(0)
                return body
        raise RequestAborted

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """The view, or ``refused``."""
        body: BoundedBody = request.scope[_BODY]  # type: ignore[attr-defined]
        if body.error is None:
            match = self.match(request)
        else:
            match = ResolverMatch(refused, (), {"error": body.error})
        request.resolver_match = match
        return match

    def match(self, request: HttpRequest) -> ResolverMatch:
        """Django's own way."""
        return super().resolve_request(request)


class FastPathHandler(SiteHandler):
    """Fast path: all middlewares but ``BROWSER_MIDDLEWARE``, in the order of the settings."""

    def accepts(self, scope: dict[str, Any]) -> bool:
        """True if the request's view is ``native`` for this method. Resolves the URL, once."""
        root = scope.get("root_path", "")
        try:
            match = resolve(scope["path"].removeprefix(root))
        except Resolver404:
            return False
        scope[_MATCH] = match
        return scope["method"] in getattr(match.func, "native_methods", ())

    async def respond(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request. A client that disconnects cancels the view."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        set_script_prefix(get_script_prefix(scope))
        request, refusal = self.create_request(scope, body)
        if request is None:
            await self.send_response(refusal or HttpResponseBadRequest(), send)
            return
        disconnect = asyncio.create_task(receive())
        response = asyncio.create_task(self._respond(request, send))
        try:
            await asyncio.wait((disconnect, response), return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnect.cancel()
            response.cancel()  # without effect when it is done
            await asyncio.gather(disconnect, return_exceptions=True)
            # The view ends before its request's body is closed: it may be reading it.
            await asyncio.wait({response})
            body.close()
        if not response.cancelled():
            response.result()

    async def _respond(self, request: HttpRequest, send: Any) -> None:
        response = await self.run_get_response(request)
        try:
            await self.send_response(response, send)
        finally:
            response.close()

    def match(self, request: HttpRequest) -> ResolverMatch:
        """The match that ``accepts`` stored in the scope."""
        return request.scope[_MATCH]  # type: ignore[attr-defined,no-any-return]

    def load_middleware(self, is_async: bool = True) -> None:
        """Build the chain of async middlewares. Raises ``TypeError`` for a synchronous one."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        chain: Any = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]
        for name in reversed(settings.MIDDLEWARE):
            if name not in BROWSER_MIDDLEWARE:
                chain = convert_exception_to_response(_async_middleware(name, chain))
        self._middleware_chain = chain


class _OnEventLoop(MiddlewareMixin):
    """Mixin for one of ``HEADER_MIDDLEWARE``: its hooks run on the event loop."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before, after = (getattr(self, f"process_{part}", None) for part in ("request", "response"))
        response = before(request) if before else None
        if response is None:
            response = await self.get_response(request)  # type: ignore[misc]
        return after(request, response) if after else response  # type: ignore[no-any-return]


def _async_middleware(name: str, inner: Any) -> Any:
    middleware = import_string(name)
    if name in HEADER_MIDDLEWARE:
        middleware = type(middleware.__name__, (_OnEventLoop, middleware), {})
    instance = middleware(inner)
    if not iscoroutinefunction(instance):
        raise TypeError(f"{name} is not async: list it in BROWSER_MIDDLEWARE or make it async")
    return instance
