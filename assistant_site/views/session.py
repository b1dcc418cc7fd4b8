"""Session of a browser: sign-in, continuation, sign-out and change of password for the site's own pages.

The scripts of the pages keep an access token in memory and nothing else. The refresh token, which rotates and is
blacklisted as that of any client, lies in the cookie of ``http.refresh_cookie``. A sign-in by other means
ends with ``keep_signed_in``.
"""

from __future__ import annotations

import contextlib
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from assistant_site.http.refresh_cookie import SameOrigin, drop_token, keep_token, kept_token
from conversations.api.account import confirm_password
from conversations.api.claims import StrictRefreshToken
from conversations.api.schemas import TextField
from conversations.api.tokens import MAX_PASSWORD, RefreshView, SignInView, SignOutSerializer
from conversations.domain.errors import NotConfirmed
from routing.domain.errors import AssistantError


def keep_signed_in(response: HttpResponseBase, user: User) -> str:
    """Sign the browser that gets ``response`` in as ``user``; an access token for its page."""
    refresh = StrictRefreshToken.for_user(user)
    keep_token(response, str(refresh))
    return str(refresh.access_token)


class _OwnPages:
    """Mixin of views for the site's own pages: no other origin gets in, and they are no part of the API."""

    schema: Any = None

    def get_permissions(self) -> list[BasePermission]:
        """The permissions of Django REST framework."""
        return [SameOrigin()]


class SessionView(_OwnPages, SignInView):
    """``POST`` signs in, ``DELETE`` signs out."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Sign in with name and password; the browser's earlier session ends."""
        response = super().post(request, *args, **kwargs)
        _end(kept_token(request))
        return _continued(response)

    def delete(self, request: Request) -> Response:
        """Sign out: the refresh token is worth nothing afterwards, wherever a copy of it lies."""
        _end(kept_token(request))
        response = Response(status=204)
        drop_token(response)
        return response


class RefreshedSession(_OwnPages, RefreshView):
    """``POST`` buys an access token with the cookie, which rotates; 204 where nobody is signed in."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The next access token. A spent cookie is a 401, and stays: another tab may be setting its successor."""
        if not kept_token(request):
            return Response(status=204)
        return _continued(super().post(request, *args, **kwargs))

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """The serializer of the cookie's token; the body has nothing to say."""
        return super().get_serializer(data={"refresh": kept_token(self.request)})


class _NewPassword(serializers.Serializer[Any]):
    current_password = TextField(max_length=MAX_PASSWORD, trim_whitespace=False)
    new_password = TextField(max_length=MAX_PASSWORD, trim_whitespace=False)


class PasswordView(APIView):
    """``POST`` changes the password of the person whose access token comes along."""

    permission_classes = (SameOrigin, IsAuthenticated)
    schema: Any = None

    def post(self, request: Request) -> Response:
        """Change it. Refresh tokens made before are worth nothing; this browser gets a new one."""
        wanted = _NewPassword(data=request.data)
        wanted.is_valid(raise_exception=True)
        user = User.objects.get(pk=request.auth.user)
        if not user.has_usable_password():
            raise NotConfirmed("This account has no password to change.")
        confirm_password(
            request._request,  # noqa: SLF001 - DRF has no public way to it
            user,
            wanted.validated_data["current_password"],
        )
        _set_password(user, wanted.validated_data["new_password"])
        response = Response()
        response.data = _body(user, keep_signed_in(response, user))
        return response


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise serializers.ValidationError({"new_password": error.messages}) from error
    user.set_password(password)
    user.save(update_fields=["password"])


def _continued(response: Response) -> Response:
    """The answer with a pair of tokens, whose refresh token goes into the cookie instead."""
    pair = cast("dict[str, str]", response.data)
    user = get_user_model().objects.get(pk=StrictRefreshToken(pair["refresh"]).user)
    # A page that is opened buys a token: what has expired must not pile up.
    OutstandingToken.objects.filter(user=user, expires_at__lt=timezone.now()).delete()
    response.data = _body(user, pair["access"])
    keep_token(response, pair["refresh"])
    return response


def _body(user: User, access: str) -> dict[str, Any]:
    return {
        "access": access,
        "username": user.get_username(),
        "has_password": user.has_usable_password(),
    }


def _end(refresh: str) -> None:
    """Blacklist a refresh token; one that is worth nothing already needs no more."""
    with contextlib.suppress(TokenError, AssistantError):
        if refresh:
            SignOutSerializer(data={"refresh": refresh}).is_valid(raise_exception=True)
