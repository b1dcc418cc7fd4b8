"""Sign-in with JSON web tokens (simplejwt): rotation, blacklist, and limits on guessing.

simplejwt leaves two holes that are closed here: refreshing the token of a deleted person is a
401, not a crash; and a refresh token made before a password change is worth nothing.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.utils import get_md5_hash_password
from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
)

from conversations.api.dispatch import View
from conversations.bootstrap import container
from conversations.errors import NotAuthenticated, RateLimited

_PAIR = inline_serializer(
    "TokenPair", {"access": serializers.CharField(), "refresh": serializers.CharField()}
)
LOCKED_OUT_SECONDS = 900


class SignInSerializer(TokenObtainPairSerializer):
    """Name and password against a pair of tokens."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Raises ``RateLimited`` once the name is locked for this address."""
        try:
            return super().validate(attrs)
        except AuthenticationFailed:
            request = self.context["request"]
            if getattr(request, "axes_locked_out", False):
                raise RateLimited(
                    limit=10, window=LOCKED_OUT_SECONDS, retry_after=LOCKED_OUT_SECONDS
                ) from None
            raise NotAuthenticated("No active account has this name and password.") from None


class RotateSerializer(TokenRefreshSerializer):
    """A refresh token against a new pair; the spent one is worth nothing afterwards."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Raises ``AuthenticationFailed`` when the person is gone, inactive or has another password."""
        refresh = self.token_class(attrs["refresh"])
        user = get_user_model().objects.filter(pk=refresh.get("user_id")).first()
        if user is None or not user.is_active:
            raise AuthenticationFailed("The account is not active any more.", "token_not_valid")
        proof = refresh.get(api_settings.REVOKE_TOKEN_CLAIM)
        if proof != get_md5_hash_password(user.password):
            raise AuthenticationFailed("The password was changed.", "token_not_valid")
        return super().validate(attrs)


@extend_schema(responses=_PAIR)
class SignInView(TokenObtainPairView):
    """Sign in."""

    serializer_class = SignInSerializer


@extend_schema(responses=_PAIR)
class RefreshView(TokenRefreshView):
    """Continue a session."""

    serializer_class = RotateSerializer


@extend_schema(responses={200: None})
class SignOutView(TokenBlacklistView):
    """End a session."""


def limited(view: View) -> View:
    """The sign-in view behind a limit per address, before a password is hashed."""

    @wraps(view)
    async def behind(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        await container().limits.hit("sign-in", request.META.get("REMOTE_ADDR", ""))
        response: HttpResponseBase = await sync_to_async(view)(request, **kwargs)
        return response

    return behind
