"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): a sign-out here is one at the provider, too.

The ID token of the sign-in is kept as the hint that spares people the provider's question whether they mean it: in the
admin's session, or in a cookie of the playground beside its refresh cookie.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from mozilla_django_oidc.utils import absolutify
from rest_framework_simplejwt.settings import api_settings

from assistant_site.oidc.discovery import ProviderFault, document

COOKIE = KEY = "assistant_id_token"
MAX_HINT = 3_500
"""Characters of an ID token that a cookie holds; a longer one is no hint."""
PAGES = {"admin": "admin:index", "playground": "playground"}
"""Pages to come back to, by the state that the provider hands back."""
View = Callable[..., HttpResponseBase]


def keep_in_cookie(response: HttpResponse, token: str) -> None:
    """Keep the ID token for the sign-out of the playground."""
    hint = token if len(token) <= MAX_HINT else "none"
    age, path = api_settings.REFRESH_TOKEN_LIFETIME, reverse("session")
    response.set_cookie(COOKIE, hint, age, path=path, secure=settings.HTTPS, httponly=True, samesite="Strict")  # fmt: skip


def of_the_admin(view: View) -> View:
    """The admin's sign-out, which goes on to the provider. The policy of forms allows no redirect to another
    origin: the answer is a page that goes there by itself."""

    @wraps(view)
    def ending(request: HttpRequest) -> HttpResponseBase:
        hint = request.session.get(KEY, "")
        response = view(request)
        if not hint or response.status_code >= 400 or not (away := _end(request, hint, "admin")):
            return response
        page = render(request, "admin/signed_out.html", {"away": away})
        page["Refresh"] = f"0; url={away}"
        page["Cache-Control"] = "no-store"
        return page

    return ending


def of_the_playground(view: View) -> View:
    """The playground's sign-out: where it has to go on at the provider, the answer names the address."""

    @wraps(view)
    def ending(request: HttpRequest) -> HttpResponseBase:
        hint, response = request.COOKIES.get(COOKIE, ""), view(request)
        if request.method == "DELETE" and response.status_code == 204 and hint:
            away = _end(request, hint, "playground")
            kept, response = response, JsonResponse({"end_session": away})
            response.cookies.update(kept.cookies)
            response.delete_cookie(COOKIE, path=reverse("session"), samesite="Strict")
        return response

    return ending


def signed_out(request: HttpRequest) -> HttpResponse:
    """Back from the provider."""
    return redirect(PAGES.get(request.GET.get("state", ""), "playground"))


def _end(request: HttpRequest, hint: str, state: str) -> str:
    """The address of the sign-out at the provider; empty where it has none, or does not answer."""
    try:
        endpoint = document().get("end_session_endpoint")
    except ProviderFault:
        return ""
    if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")):
        return ""
    told = {
        "client_id": settings.OIDC_CLIENT_ID,
        "post_logout_redirect_uri": absolutify(request, reverse("oidc_signed_out")),
        "state": state,
        **({"id_token_hint": hint} if hint != "none" else {}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(told)}"
