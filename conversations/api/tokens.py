"""Sign-in with JSON web tokens (simplejwt): rotation, blacklist, and limits on guessing.

simplejwt leaves holes that are closed here: the refresh token of a person who is gone is a 401, not
a crash, wherever it is sent; a refresh token made before a password change is worth nothing; of several refreshes with
one token at once, one succeeds.
"""

from __future__ import annotations

import unicodedata
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.serializers import (
    TokenBlacklistSerializer,
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.utils import get_md5_hash_password
from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
)

from conversations.api.claims import MAX_TOKEN, StrictRefreshToken
from conversations.api.responses import View
from conversations.api.schemas import TextField
from conversations.bootstrap import container
from conversations.domain.errors import NotAuthenticated, SignInLocked
from conversations.storage.audit_signals import signed_in
from conversations.storage.selectors import require_active

_PAIR = inline_serializer(
    "TokenPair", {"access": serializers.CharField(), "refresh": serializers.CharField()}
)
MAX_NAME, MAX_PASSWORD = 150, 4_096
"""Characters."""


class NameField(TextField):
    """A user name as Django's forms read it: normalised by NFKC before its length is checked."""

    def to_internal_value(self, data: Any) -> str:
        return unicodedata.normalize("NFKC", super().to_internal_value(data))


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": MAX_TOKEN, "pattern": r"\S"})
class TokenField(TextField):
    """A token as text, whatever it holds: the checks of its claims are a 401."""


class SignInSerializer(TokenObtainPairSerializer):
    """Name and password against a pair of tokens."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[self.username_field] = NameField(max_length=MAX_NAME, write_only=True)
        self.fields["password"] = TextField(
            max_length=MAX_PASSWORD, write_only=True, trim_whitespace=False
        )

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Raises ``SignInLocked`` once the name is locked, here or for every address."""
        try:
            tokens = super().validate(attrs)
        except AuthenticationFailed:
            require_unlocked(self.context["request"])
            raise NotAuthenticated("No active account has this name and password.") from None
        signed_in(user=self.user)
        return tokens


def require_unlocked(request: Any) -> None:
    """Called after a wrong password. Raises ``SignInLocked`` when it locked the name, or found it so."""
    if getattr(request, "axes_locked_out", False):
        raise SignInLocked(
            limit=settings.AXES_FAILURE_LIMIT,
            retry_after=round(settings.AXES_COOLOFF_TIME.total_seconds()),
        ) from None


class RotateSerializer(TokenRefreshSerializer):
    """A refresh token against a new pair; the spent one is worth nothing afterwards."""

    refresh = TokenField(max_length=MAX_TOKEN)
    token_class = StrictRefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Raises ``AuthenticationFailed`` when the person has another password, ``TokenNotValid`` when
        they are gone or inactive, ``TokenError`` when the token is spent."""
        refresh = self.token_class(attrs["refresh"])
        _require_password(_person(refresh), refresh.get(api_settings.REVOKE_TOKEN_CLAIM))
        pair = {"access": str(refresh.access_token)}
        with transaction.atomic():
            # The blacklist's unique row decides between refreshes that come at once.
            _, first = refresh.blacklist()  # type: ignore[misc]  # annotated as the row alone
            if not first:  # type: ignore[has-type]
                raise TokenError("The token is spent.")
            refresh.set_jti()
            refresh.set_exp()
            refresh.set_iat()
            refresh.outstand()
        return pair | {"refresh": str(refresh)}


def _person(token: StrictRefreshToken) -> AbstractBaseUser:
    require_active(user=token.user)
    return get_user_model().objects.get(pk=token.user)


def _require_password(user: AbstractBaseUser, proof: object) -> None:
    if proof != get_md5_hash_password(user.password):
        raise AuthenticationFailed("The password was changed.", "token_not_valid")


class SignOutSerializer(TokenBlacklistSerializer):
    """A refresh token that shall be worth nothing from now on."""

    refresh = TokenField(max_length=MAX_TOKEN, write_only=True)
    token_class = StrictRefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[Any, Any]:
        """Raises ``TokenNotValid`` when the person is gone or inactive, ``TokenError`` likewise as a refresh."""
        require_active(user=self.token_class(attrs["refresh"]).user)
        return super().validate(attrs)


@extend_schema_view(
    post=extend_schema(
        operation_id="sign_in",
        summary="Sign in: a name and a password against a pair of tokens.",
        tags=["sign-in"],
        responses=_PAIR,
    )
)
class SignInView(TokenObtainPairView):
    """Sign in. A 403 where passwords are switched off."""

    serializer_class = SignInSerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Raises ``PermissionDenied`` where passwords are switched off."""
        if not settings.PASSWORD_SIGN_IN:
            raise PermissionDenied("Nobody signs in by a password here.")
        return super().post(request, *args, **kwargs)


@extend_schema_view(
    post=extend_schema(
        operation_id="refresh_tokens",
        summary="Continue a session: the refresh token against a new pair.",
        tags=["sign-in"],
        responses=_PAIR,
    )
)
class RefreshView(TokenRefreshView):
    """Continue a session."""

    serializer_class = RotateSerializer


@extend_schema_view(
    post=extend_schema(
        operation_id="sign_out",
        summary="Sign out: the refresh token ends.",
        tags=["sign-in"],
        responses={200: inline_serializer("SignedOut", {})},
    )
)
class SignOutView(TokenBlacklistView):
    """End a session."""

    serializer_class = SignOutSerializer


def limited(view: View, rate: str = "sign-in") -> View:
    """The view behind a rate limit per address, before a password is hashed or a token is looked up."""

    @wraps(view)
    async def behind(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        await container().rate_limits.hit(rate, request.META.get("REMOTE_ADDR", ""))
        response: HttpResponseBase = await sync_to_async(view)(request, **kwargs)
        return response

    return behind
