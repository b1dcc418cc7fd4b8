"""Content-Security-Policy: one for the site, and those that pages of libraries need."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings

from assistant_site.http.middleware import PolicyMiddleware

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "sources"),
    [
        ("/api/v1/messages/", {"script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"}),
        ("/", {"script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"}),
        ("/api/docs/", {"script-src 'self'", "style-src 'self' 'unsafe-inline'"}),
        ("/admin/login/", {"script-src 'self' 'unsafe-inline' 'unsafe-eval'"}),
        ("/diagram/", {"frame-ancestors 'self'", "connect-src 'none'", "script-src 'self'"}),
    ],
)
def test_each_path_has_its_policy(client: Client, path: str, sources: set[str]) -> None:
    # Twice: the second one is kept from the first.
    for _ in range(2):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert sources <= set(policy.split("; "))


@override_settings(DEBUG=True)
@pytest.mark.parametrize(("status", "told"), [(404, False), (500, False), (200, True)])
def test_pages_for_developers_have_none(rf: RequestFactory, status: int, told: bool) -> None:
    answered = HttpResponse(status=status)
    policies = PolicyMiddleware(lambda _: answered)
    response = policies.process_response(rf.get("/nowhere/"), answered)
    assert ("Content-Security-Policy" in response.headers) is told
