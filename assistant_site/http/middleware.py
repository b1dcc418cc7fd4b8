"""Middlewares: request ids and trace ids, the language, content security policy, redirects to the last slash."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial

import structlog
from csp.constants import HEADER, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import async_only_middleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import escape_leading_slashes

from conversations.domain.actor import CALLER, Actor, acting, network_of

_log = structlog.get_logger("assistant.request")
_SAFE_ID = re.compile(r"^[\w.:/+=-]{1,128}$", re.ASCII)
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")

EXTRA_SOURCES: Mapping[str, dict[str, list[str]]] = {
    # unfold is built on Alpine.js, which evaluates its attributes
    "/admin/": {
        "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
    },
    # Swagger UI brings its own inline styles
    "/api/docs/": {"style-src": [SELF, UNSAFE_INLINE]},
    # Mermaid puts a style sheet into each diagram; the page is shown in a frame without rights
    "/diagram/": {
        "style-src": [SELF, UNSAFE_INLINE],
        "frame-ancestors": [SELF],
        "connect-src": [NONE],
    },
}
"""Sources that pages of libraries need beyond ``settings.CONTENT_SECURITY_POLICY``, by path."""

_DEBUG_PAGES = (404, 500)
ENGLISH = ("/admin/", "/api/docs/", "/api/schema/", "/docs/", "/static/", "/v1/")
"""Paths of pages that are in English alone, and of OpenAI's API: its clients look for words of its errors."""
TRANSLATED = ("text/html", "application/problem+json")
"""Media types of texts in the language of their reader."""


@async_only_middleware
def RequestMiddleware(  # noqa: N802 - Django names middleware like classes
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Give each request an id and a trace id, send both to the client, and log one line at its end."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        # Read at once: each read of the system's random bytes gives up the interpreter's lock, and waits for it.
        drawn = secrets.token_hex(40)
        client_id = request.headers.get("X-Request-ID", "")
        # An id goes into logs and headers as it is: only harmless characters are accepted.
        request_id = client_id if _SAFE_ID.match(client_id) else drawn[:32]
        trace_id = _trace_id(request) or drawn[32:64]
        request.META["assistant.request_id"] = request_id
        request.META["assistant.trace_id"] = trace_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        acting.set(partial(_actor_of, request))
        started = time.perf_counter()
        response = await get_response(request)
        response.headers["X-Request-ID"] = request_id
        response.headers.setdefault("traceparent", f"00-{trace_id}-{drawn[64:]}-01")
        _log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            duration_ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return response

    return middleware


@async_only_middleware
def LanguageMiddleware(  # noqa: N802 - Django names middleware like classes
    get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Activate the language of each request: Django's cookie, else ``Accept-Language``, else English."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if f"{request.path}/".startswith(ENGLISH):
            translation.activate("en")
            return await get_response(request)
        language = translation.get_language_from_request(request)
        translation.activate(language)
        response = await get_response(request)
        if not response.streaming:  # a stream tells of its own errors until its end
            translation.deactivate()
        if response.headers.get("Content-Type", "").startswith(TRANSLATED):
            response.headers.setdefault("Content-Language", language)
            patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response

    return middleware


def _actor_of(request: HttpRequest) -> Actor:
    """The actor of a request, for the audit log: the caller of the API, else the account of the page."""
    network = network_of(request.META.get("REMOTE_ADDR", ""))
    if caller := request.META.get(CALLER):
        return Actor(caller.user, caller.key, network)
    user = getattr(request, "user", None)
    return Actor(user.pk if user else None, None, network)


def _trace_id(request: HttpRequest) -> str:
    """The W3C Trace Context trace id that the request brings, 32 hex digits; or empty."""
    match = _TRACEPARENT.match(request.headers.get("traceparent", ""))
    return match[1] if match and set(match[1]) != {"0"} else ""


class PolicyMiddleware(MiddlewareMixin):
    """The site's strict Content-Security-Policy, with ``EXTRA_SOURCES`` for their paths. Responses have no sources or
    nonces of their own, so django-csp writes each policy once; its own middleware does for every response."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set the policy of the path. Django's pages of errors under ``DEBUG`` have styles of their own, and none."""
        if not (settings.DEBUG and response.status_code in _DEBUG_PAGES):
            path = next((each for each in EXTRA_SOURCES if request.path.startswith(each)), "")
            response.headers.setdefault(HEADER, _policy(path))
        return response


@cache
def _policy(path: str) -> str:
    """The policy under one of ``EXTRA_SOURCES``, or the site's."""
    return build_policy(replace=EXTRA_SOURCES.get(path))


class PermanentPostRedirect(HttpResponsePermanentRedirect):
    """Status 308: the client repeats the same method and body at the other address."""

    status_code = 308


class SlashMiddleware(CommonMiddleware):
    """``CommonMiddleware`` that redirects a POST without its last slash together with its body."""

    response_redirect_class = PermanentPostRedirect

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        """The path with its slash; never the address of another host."""
        return escape_leading_slashes(request.get_full_path(force_append_slash=True))
