"""Who is asking: bearer tokens (RFC 6750) checked by signature alone, without a database query.

A deactivated person's access token works until it expires (15 minutes); the refresh that would
follow is refused, because that one asks the database.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.tokens import AccessToken

from conversations.domain.errors import NotAuthenticated, TokenNotValid

_NOT_VALID = "The token is malformed or has expired."


def bearer_user(request: HttpRequest) -> int:
    """The primary key of the person whose token this is. Raises ``NotAuthenticated``."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send a token: Authorization: Bearer <access>.")
    try:
        user, expires = _verified(token.strip())
    except (TokenError, KeyError, ValueError) as exc:
        raise TokenNotValid(_NOT_VALID) from exc
    if expires <= time.time():
        raise TokenNotValid(_NOT_VALID)
    return user


@lru_cache(maxsize=4096)
def _verified(token: str) -> tuple[int, float]:
    """Whose it is, and the Unix time at which it expires. A signature that was right once stays right."""
    claims = AccessToken(token)  # type: ignore[arg-type]
    return int(claims["user_id"]), float(claims["exp"])


class BearerAuthentication(JWTStatelessUserAuthentication):
    """The same for Django REST framework's views."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The token's user, or ``NotAuthenticated``: no view of the API serves strangers."""
        user = bearer_user(request._request)  # noqa: SLF001 - DRF has no public way to it
        token = {"user_id": str(user)}
        return TokenUser(token), token  # type: ignore[arg-type]


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names it."""

    target_class = "conversations.api.auth.BearerAuthentication"
    name = "bearer"
