"""Sign-in and sign-out of the admin: the address to go to afterwards is that of a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

NOWHERE = frozenset({"catch_all_view", "nowhere"})
"""Views that answer 404: the admin's, for any other address below its own, and the site's."""
View = Callable[[HttpRequest], HttpResponseBase]


def to_a_page(view: View) -> View:
    """The view, for which an address that leads to no page is not there: it goes to its start page."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponseBase:
        for name in ("GET", "POST"):
            given = getattr(request, name)
            if not all(map(is_page, given.getlist(REDIRECT_FIELD_NAME))):
                kept = given.copy()
                del kept[REDIRECT_FIELD_NAME]
                setattr(request, name, kept)
        return view(request)

    return checked


def ways(_: HttpRequest) -> dict[str, object]:
    """The ways to sign in, for the templates."""
    name = settings.OIDC_NAME if settings.OIDC_ISSUER else ""
    return {"password_sign_in": settings.PASSWORD_SIGN_IN, "single_sign_on": name}


def is_page(address: str) -> bool:
    """Whether the address has a view here, with a last slash at least. Its host is Django's matter."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return False
    return _has_view(path) or (not path.endswith("/") and _has_view(f"{path}/"))


def _has_view(path: str) -> bool:
    try:
        return getattr(resolve(path).func, "__name__", "") not in NOWHERE
    except Resolver404:
        return False
