"""Every path of the site, by inclusion."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from assistant_site.health import healthz, readyz
from assistant_site.metrics import metrics
from assistant_site.playground import playground

urlpatterns: list[URLPattern | URLResolver] = [
    path("", playground, name="playground"),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("conversations.urls")),
]

handler400 = "assistant_site.problems.bad_request"
handler403 = "assistant_site.problems.permission_denied"
handler404 = "assistant_site.problems.not_found"
handler500 = "assistant_site.problems.server_error"
