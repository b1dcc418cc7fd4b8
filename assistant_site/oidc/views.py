"""The two views of single sign-on: off to the identity provider, and back.

A sign-in for the admin ends in Django's session; one for the playground in its refresh cookie, which no
script reads and which buys an access token: no token is ever in an address.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import View
from mozilla_django_oidc.views import OIDCAuthenticationRequestView

from assistant_site.oidc.backend import OIDCBackend
from assistant_site.oidc.discovery import ProviderFault, setting
from assistant_site.oidc.sign_out import KEY, keep_in_cookie
from assistant_site.views.session import keep_signed_in
from assistant_site.views.sign_in import is_page
from conversations.storage.audit_signals import signed_in

_log = structlog.get_logger("assistant.sign_in")

BACKEND = "assistant_site.oidc.backend.OIDCBackend"
PAGES = ("/", "/keys/")
"""Pages that sign in by tokens; every other one has the session."""
MAX_CODE = 4_096
FAILED = "Signing in by single sign-on did not work. Please try again."


class BeginView(OIDCAuthenticationRequestView):  # type: ignore[misc]  # has no types
    """Sends the browser to the provider, with state, nonce and PKCE."""

    get_settings = staticmethod(setting)

    def __init__(self, **kwargs: Any) -> None:
        """The provider is asked once there is a request."""
        View.__init__(self, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Begin."""
        try:
            self.OIDC_OP_AUTH_ENDPOINT = setting("OIDC_OP_AUTHORIZATION_ENDPOINT")
            self.OIDC_RP_CLIENT_ID = setting("OIDC_RP_CLIENT_ID")
            answer: HttpResponse = super().get(request)
        except ProviderFault as exc:
            return _failed(request, str(exc), _next(request.GET.get("next")))
        answer["Cache-Control"] = "no-store"
        return answer


class ReturnView(View):
    """Takes the code of the provider."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """End the sign-in."""
        states = request.session.get("oidc_states")
        begun = states.pop(request.GET.get("state", ""), None) if isinstance(states, dict) else None
        page = _next(request.session.pop("oidc_login_next", None))
        if begun is None:
            return _failed(request, "no sign-in of this browser has this state", page)
        # Spent, whatever comes now; kept before the provider is asked, which may take seconds.
        request.session["oidc_states"] = states
        request.session.save()
        if "code" not in request.GET or len(request.GET["code"]) > MAX_CODE:
            return _failed(
                request, f"the provider says {request.GET.get('error', '')[:80]!r}", page
            )
        backend = OIDCBackend()
        try:
            user = backend.authenticate(
                request, nonce=begun["nonce"], code_verifier=begun["code_verifier"]
            )
        except (SuspiciousOperation, ProviderFault) as exc:
            return _failed(request, str(exc), page)
        if user is None:
            return _failed(request, "the account is deactivated, or another person's", page)
        response = redirect(page)
        if page in PAGES:
            signed_in(user=user)
            keep_signed_in(response, user)
            keep_in_cookie(response, backend.id_token)
        else:
            login(request, user, backend=BACKEND)
            request.session[KEY] = backend.id_token
        return response


def _next(given: object) -> str:
    """The page to go to: one of our own, else the admin's first."""
    local = isinstance(given, str) and given.startswith("/") and not given.startswith("//")
    return str(given) if local and is_page(str(given)) else reverse("admin:index")


def _failed(request: HttpRequest, why: str, page: str) -> HttpResponse:
    _log.warning("a single sign-on failed", why=why[:300])
    if page in PAGES:
        return redirect(f"{page}#sign-in-failed")
    messages.error(request, FAILED)
    return redirect("admin:login")
