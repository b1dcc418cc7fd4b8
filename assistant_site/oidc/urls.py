"""Paths of single sign-on, under ``/oidc/``. The names are those that mozilla-django-oidc looks up."""

from __future__ import annotations

from django.urls import path

from assistant_site.oidc.sign_out import signed_out
from assistant_site.oidc.views import BeginView, ReturnView
from conversations.api.responses import by_method
from conversations.api.tokens import limited

_begin, _back = limited(BeginView.as_view()), limited(ReturnView.as_view())

urlpatterns = [
    path("begin/", by_method(GET=_begin), name="oidc_authentication_init"),
    path("callback/", by_method(GET=_back), name="oidc_authentication_callback"),
    path("signed-out/", by_method(GET=signed_out), name="oidc_signed_out"),
]
