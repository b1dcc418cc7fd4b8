"""What operators read: health, metrics, the OpenAPI document."""

from __future__ import annotations

import pytest

from conversations.bootstrap import container
from tests.live_site import LiveSite


def test_a_healthy_service_says_so(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    http = site.client()
    # Work of an earlier test may have failed since this one began, or looked for models that are not listed.
    site.close_circuits()
    monkeypatch.setattr(container().provider_checks, "_unlisted", {})
    ready = http.get("/readyz").json()

    assert http.get("/healthz").json() == {"status": "ok"}
    assert (ready["degraded"], ready["status"]) == ([], "ok")
    assert set(ready["checks"]) == {"database", "redis", "rules"}
    assert ready["checks"]["rules"]["version"] >= 1


def test_answers_are_counted(site: LiveSite) -> None:
    site.person().ask("Tell me about tides.")
    text = site.client().get("/metrics").text

    assert 'assistant_runs_total{action="answer"' in text
    assert "assistant_tokens_total" in text


def test_the_openapi_document_shows_streams_and_objects(site: LiveSite) -> None:
    http = site.client()
    document = http.get("/api/schema/?format=json").json()
    ask = document["paths"]["/api/v1/messages/"]["post"]

    assert document["openapi"].startswith("3.1")
    assert set(ask["responses"]["200"]["content"]) == {"text/event-stream", "application/json"}
    assert "default" in ask["responses"]
    both = document["paths"]["/api/v1/conversations/{conversation}/messages/"]
    assert {"get", "post"} <= set(both)
    assert http.get("/api/docs/").status_code == 200
