"""A provider that refuses its key: told by readiness, in the admin, on the message's page, and by its kind."""

from __future__ import annotations

import pytest
from django.test import Client

from conversations.admin.providers import provider_faults
from conversations.bootstrap import container
from conversations.models import Message
from tests.live_site import LiveSite

REFUSED = "OpenAI: key refused (401)"


@pytest.fixture
def refused(site: LiveSite) -> LiveSite:
    container().metrics.recent_failures.forget()
    site.simulator.fault(provider="openai", call="any", status=401)
    return site


def test_readiness_tells_the_result_of_the_first_check(refused: LiveSite) -> None:
    checks = container().provider_checks
    try:
        refused.run(checks.look_at_all())
        ready = refused.client().get("/readyz").json()
        told = provider_faults()
    finally:
        refused.simulator.clear()
        refused.run(checks.look())
    again = refused.client().get("/readyz").json()

    assert ready["status"] == "degraded"
    assert ready["checks"]["openai"] == {
        "state": "degraded",
        "error_kind": "key_refused",
        "detail": REFUSED,
    }
    assert told == [REFUSED]
    assert "openai" not in again["checks"]


def test_a_failed_answer_tells_why(refused: LiveSite) -> None:
    refused.simulator.fault(provider="anthropic", call="chat", status=401)
    person = refused.person()
    conversation = person.http.post("/api/v1/conversations/", json={}).json()["id"]
    problem = person.post_prompt("What is a glacier?", conversation=conversation).json()
    ready = refused.client().get("/readyz").json()
    row = Message.objects.filter(conversation=conversation, role="assistant").latest("id")
    admin = Client()
    admin.force_login(refused.user(is_staff=True, is_superuser=True))
    page = admin.get(f"/admin/conversations/message/{row.pk}/change/").content.decode()

    assert problem["status"] == 503
    assert "try again" not in problem["detail"].lower()
    kinds = {one["model"]: one["error_kind"] for one in row.attempts if one["outcome"] != "ok"}
    assert set(kinds.values()) == {"key_refused"}
    assert ready["checks"]["openai"]["detail"] == REFUSED
    assert REFUSED in page
