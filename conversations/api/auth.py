"""Who is asking: bearer tokens (RFC 6750) checked by signature alone, without a database query.

A deactivated person's access token works until it expires (15 minutes); the refresh that would
follow is refused, because that one asks the database.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.tokens import AccessToken

from conversations.errors import NotAuthenticated, TokenNotValid


def bearer_user(request: HttpRequest) -> int:
    """The primary key of the person whose token this is. Raises ``NotAuthenticated``."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send a token: Authorization: Bearer <access>.")
    try:
        return int(AccessToken(token.strip())["user_id"])  # type: ignore[arg-type]
    except (TokenError, KeyError, ValueError) as exc:
        raise TokenNotValid("The token is malformed or has expired.") from exc


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
