"""Bearer tokens (RFC 6750) for Django REST framework's views and the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.models import TokenUser

from conversations.api.requests import bearer_user
from conversations.storage.selectors import require_active


class BearerAuthentication(JWTStatelessUserAuthentication):
    """Authentication by ``bearer_user`` and ``require_active``."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The token's user. Raises ``NotAuthenticated``: no view of the API is open to strangers."""
        user = bearer_user(request._request)  # noqa: SLF001 - DRF has no public way to it
        require_active(user=user)
        token = {"user_id": str(user)}
        return TokenUser(token), token  # type: ignore[arg-type]


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    """Its name in the OpenAPI document."""

    target_class = "conversations.api.auth.BearerAuthentication"
    name = "bearer"
