"""Authentication by bearer token (RFC 6750): an access token (JWT) of a person, or an API key.

A key has scopes: a view names those of which one is needed. A person that signed in needs none.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.http import HttpRequest
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.models import TokenUser

from conversations.api.requests import bearer_token, bearer_user
from conversations.bootstrap import container
from conversations.db.access import in_database
from conversations.domain.actor import CALLER, caller_fields
from conversations.domain.api_keys import PREFIX, Caller, Scope
from conversations.storage.selectors import require_active


async def authenticate(request: HttpRequest, *scopes: Scope, active: bool = True) -> Caller:
    """The caller of an async view. ``active=False`` leaves it to a transaction of the view to find out
    that a person is gone. Raises ``NotAuthenticated``, and ``MissingScope`` for a key without any of
    ``scopes``."""
    token = bearer_token(request.headers.get("Authorization", ""))
    if token.startswith(PREFIX):
        caller = await container().api_keys.caller(token)
    else:
        caller = Caller(bearer_user(token))
        if active:
            await in_database(require_active, user=caller.user)
    caller.require_scope(*scopes)
    return _known(request, caller)


def _known(request: HttpRequest, caller: Caller) -> Caller:
    """Tell the audit log and the log lines of the request who calls."""
    request.META[CALLER] = caller
    structlog.contextvars.bind_contextvars(**caller_fields(caller.user, caller.key))
    return caller


async def authenticate_person(request: HttpRequest) -> int:
    """The primary key of a person that signed in; no key will do. Raises as ``authenticate`` does."""
    caller = await authenticate(request)
    caller.require_person()
    return caller.user


def authenticate_in_thread(request: HttpRequest, *scopes: Scope) -> Caller:
    """The same for a view that runs in a thread."""
    token = bearer_token(request.headers.get("Authorization", ""))
    if token.startswith(PREFIX):
        caller = container().api_keys.caller_in_thread(token)
    else:
        caller = Caller(bearer_user(token))
        require_active(user=caller.user)
    caller.require_scope(*scopes)
    return _known(request, caller)


class BearerAuthentication(JWTStatelessUserAuthentication):
    """Authentication of Django REST framework's views. A view names in ``scopes`` the scopes of which a
    key needs one; an empty tuple stands for any key. A view without ``scopes`` takes no key."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The token's user and the ``Caller``. Raises ``NotAuthenticated``: no view of the API is open
        to strangers."""
        view = (request.parser_context or {}).get("view")
        scopes: tuple[Scope, ...] | None = getattr(view, "scopes", None)
        caller = authenticate_in_thread(request._request, *(scopes or ()))  # noqa: SLF001 - DRF has no public way to it
        if scopes is None:
            caller.require_person()
        return TokenUser({"user_id": str(caller.user)}), caller  # type: ignore[arg-type]


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    """Its name in the OpenAPI document."""

    target_class = "conversations.api.authentication.BearerAuthentication"
    name = "bearer"
