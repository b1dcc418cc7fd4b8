"""What the site tells browsers: what other origins may read, and what its pages may load."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from tests.live_site import LiveSite

ORIGIN = "https://app.example"
SENT = {"authorization", "content-type", "idempotency-key", "last-event-id", "traceparent",
        "x-request-id", "openai-organization", "openai-project", "x-stainless-poll-helper",
        "x-stainless-custom-poll-interval"}  # fmt: skip
READ = {"Location", "X-Request-ID", "traceparent", "Idempotency-Replayed", "WWW-Authenticate",
        "Retry-After", "RateLimit", "RateLimit-Policy"}  # fmt: skip


def listed(header: str) -> set[str]:
    return {word.strip() for word in header.split(",")}


def policy(site: LiveSite, path: str) -> dict[str, str]:
    header = site.client().get(path).headers["content-security-policy"]
    return dict(part.strip().partition(" ")[::2] for part in header.split(";"))


def test_an_allowed_origin_may_send_and_read_what_the_api_has(
    site: LiveSite, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ", ".join(SENT),
    }
    preflight = site.client().options("/api/v1/messages/", headers=asked)
    answer = site.person().post_prompt("Hello", headers={"Origin": ORIGIN})

    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert listed(preflight.headers["access-control-allow-headers"]) >= SENT
    assert listed(answer.headers["access-control-expose-headers"]) >= READ
    stranger = {**asked, "Origin": "https://evil.example"}
    refused = site.client().options("/api/v1/messages/", headers=stranger)
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/messages/", "/nothing", "/api/schema/"])
def test_nothing_inline_runs_anywhere(site: LiveSite, path: str) -> None:
    told = policy(site, path)

    assert told["script-src"] == told["style-src"] == told["default-src"] == "'self'"
    assert told["object-src"] == told["base-uri"] == told["frame-ancestors"] == "'none'"


def test_the_admin_and_the_docs_get_the_room_that_they_need(site: LiveSite) -> None:
    admin, docs = policy(site, "/admin/login/"), policy(site, "/api/docs/")

    assert admin["script-src"] == "'self' 'unsafe-inline' 'unsafe-eval'"
    assert docs["script-src"] == "'self'"
    assert docs["style-src"] == "'self' 'unsafe-inline'"
    page = site.client().get("/api/docs/").text
    assert "<script>" not in page
    script = site.client().get("/api/docs/?script=")
    assert "SwaggerUIBundle" in script.text
    assert script.headers["content-type"].startswith("application/javascript")
