"""URL configuration: all paths of the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.generic import RedirectView, TemplateView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from assistant_site.views.documentation import documentation
from assistant_site.views.health import healthz, readyz
from assistant_site.views.languages import catalog
from assistant_site.views.metrics import metrics
from assistant_site.views.session import PasswordView, RefreshedSession, SessionView
from assistant_site.views.shared import unlisted
from assistant_site.views.sign_in import to_a_page
from conversations.api.responses import by_method
from conversations.api.tokens import limited

# Clients of the public API without data of their own: their scripts sign in like any client.
_playground = TemplateView.as_view(template_name="playground.html")
_keys = TemplateView.as_view(template_name="keys.html")
_usage = TemplateView.as_view(template_name="usage.html")
_shared = unlisted(TemplateView.as_view(template_name="shared.html"))
_session = SessionView.as_view()
_sign_out: Callable[..., Any] = _session
_admin_logout = to_a_page(admin.site.logout)
if settings.OIDC_ISSUER:
    # Its library is imported where it is used.
    from assistant_site.oidc import sign_out

    _sign_out = sign_out.of_the_playground(_session)
    _admin_logout = sign_out.of_the_admin(_admin_logout)
_diagram = xframe_options_sameorigin(TemplateView.as_view(template_name="diagram.html"))
_start = RedirectView.as_view(pattern_name="admin:index")
_icon = RedirectView.as_view(url=static("playground/icon.svg"))


def nowhere(_: HttpRequest) -> HttpResponse:
    raise Http404


urlpatterns: list[URLPattern | URLResolver] = [
    # First: patterns of the admin take quadratic time, and anybody may send a path. No page has one so long.
    # Without flags: Django cannot make addresses beside a pattern that has one.
    re_path(r"^[\s\S]{300}", nowhere),
    # Then those asked most: Django tries one pattern after the other.
    path("api/v1/", include("conversations.api.urls")),
    path("v1/", include("conversations.api.openai.urls")),
    path("api/", include("conversations.api.ui_stream.urls")),
    path("", by_method(GET=_playground), name="playground"),
    path("keys/", by_method(GET=_keys), name="keys"),
    path("usage/", by_method(GET=_usage), name="usage"),
    path("session/", by_method(POST=limited(_session), DELETE=_sign_out), name="session"),
    path("session/refresh/", by_method(POST=RefreshedSession.as_view())),
    path("session/password/", by_method(POST=limited(PasswordView.as_view()))),
    path("shared/", by_method(GET=_shared), name="shared"),
    path("diagram/", by_method(GET=_diagram), name="diagram"),
    path("catalog/<slug:language>.<slug:version>.js", by_method(GET=catalog), name="catalog"),
    path("favicon.ico", by_method(GET=_icon)),
    path("healthz", by_method(GET=healthz)),
    path("readyz", by_method(GET=readyz)),
    path("metrics", by_method(GET=metrics)),
    path("admin/login/", to_a_page(admin.site.login)),
    path("admin/logout/", _admin_logout),
    # The start page has all that the page of one app would list.
    re_path(r"^admin/(?:auth|axes|conversations|routing)/$", _start),
    path("admin/", admin.site.urls),
    path("docs/", RedirectView.as_view(url="/docs/admin.md")),
    re_path(
        r"^docs/(?P<name>(?:decisions/|images/)?[A-Za-z0-9-]+\.(?:md|png|svg))$",
        by_method(GET=documentation),
        name="documentation",
    ),
    *([path("oidc/", include("assistant_site.oidc.urls"))] if settings.OIDC_ISSUER else []),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]

handler400 = "assistant_site.http.error_views.bad_request"
handler403 = "assistant_site.http.error_views.permission_denied"
handler404 = "assistant_site.http.error_views.not_found"
handler500 = "assistant_site.http.error_views.server_error"
