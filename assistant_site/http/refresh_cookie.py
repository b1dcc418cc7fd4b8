"""Refresh cookie: how a browser stays signed in over tabs and reloads.

The cookie holds a refresh token of simplejwt. No script can read it (``HttpOnly``), no other site can send it
(``SameSite=Strict``), and it goes to the paths below ``/session/`` alone: no call of the API ever gets it.
``SameOrigin`` refuses requests of other origins (CSRF).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework_simplejwt.settings import api_settings

from routing.common.translatable import Translatable

COOKIE = "assistant_refresh"


def keep_token(response: HttpResponseBase, refresh: str) -> None:
    """Have the browser keep a refresh token for as long as it lives, in the place of an earlier one."""
    response.set_cookie(
        COOKIE,
        refresh,
        max_age=api_settings.REFRESH_TOKEN_LIFETIME,
        path=reverse("session"),
        secure=settings.HTTPS,
        httponly=True,
        samesite="Strict",
    )
    response["Cache-Control"] = "no-store"


def drop_token(response: HttpResponseBase) -> None:
    """Have the browser forget its refresh token."""
    response.delete_cookie(COOKIE, path=reverse("session"), samesite="Strict")


def kept_token(request: HttpRequest | Request) -> str:
    """The refresh token that the browser sent, or an empty text."""
    return str(request.COOKIES.get(COOKIE, ""))


class SameOrigin(BasePermission):
    """Fetch Metadata: only the site's own pages get in. Browsers without ``Sec-Fetch-Site``, which is sent on
    HTTPS and localhost only, are known by ``Origin``, whose host must be the request's."""

    message = Translatable("Only the site's own pages may do this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether a page of this origin sent the request."""
        fetched_from = request.headers.get("Sec-Fetch-Site")
        if fetched_from is not None:
            return fetched_from == "same-origin"
        try:
            origin = urlsplit(request.headers.get("Origin", "")).netloc
        except ValueError:
            return False
        return origin == request.get_host()
