"""Calls beside the answers are in the ledger with their purpose, and counted by the limits of all together."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from conversations.bootstrap import container
from conversations.domain.errors import LimitReached
from conversations.models import LedgerEntry
from conversations.usage.ledger import paid_calls
from routing.domain.limits import PaidCall
from routing.domain.llm import Usage
from routing.domain.release import Stage
from routing.models import LLMModel
from routing.publishing.services import Target
from tests.fakes import attempt
from tests.live_site import LiveSite
from tests.publishing.test_live_releases import code_prompt, everything_by
from tests.usage.conftest import Make, SetLimit, drift, settled_state

CALL = replace(attempt(operation="classify"), usage=Usage(30, 40, Decimal("0.25")))


def side_rows(purpose: str, after: int) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(purpose=purpose, user=None, pk__gt=after).order_by("pk"))


@pytest.fixture
def last_row() -> int:
    newest = LedgerEntry.objects.order_by("-pk").first()
    return newest.pk if newest else 0


def test_a_decision_in_shadow_is_the_installations_and_no_request(
    site: LiveSite, program: Make, limit: SetLimit, last_row: int
) -> None:
    everything_by("gpt")
    everything_by("claude-sonnet", target=Target(Stage.SHADOW))
    money, requests = (
        limit(1_000_000, unit, "total", scope="installation") for unit in ("usd", "requests")
    )
    client = program()
    before = settled_state(requests, "").used
    asked = client.person.ask(code_prompt())
    client.booked()
    deadline = time.monotonic() + 20
    while not (rows := side_rows("shadow", last_row)) and time.monotonic() < deadline:
        time.sleep(0.02)
    (row,) = rows

    assert (row.requests, row.outcome, row.key) == (0, "ok", None)
    assert row.rule == asked["decision"]["rule"] != ""
    assert row.cost
    assert settled_state(requests, "").used == before + 1
    assert settled_state(money, "").used >= row.cost
    assert drift() == []


async def _booked(purpose: str, *worst: PaidCall, force: bool = False) -> None:
    async with container().side_calls.booked(
        purpose, lambda: worst, rule="code", force=force
    ) as calls:
        calls.append(CALL)


def test_a_limit_refuses_what_may_be_left_out_and_counts_what_was_forced(
    site: LiveSite, limit: SetLimit, last_row: int
) -> None:
    budget = limit(Decimal("0.1"), "usd", "total", scope="installation")
    with pytest.raises(LimitReached):
        site.run(_booked("judge", *paid_calls([CALL])))
    assert side_rows("judge", last_row) == []

    site.run(_booked("judge", *paid_calls([CALL]), force=True))
    (row,) = side_rows("judge", last_row)
    assert (row.rule, row.cost) == ("code", 250_000_000)
    assert settled_state(budget, "").used >= 250_000_000
    assert drift() == []


def test_vectors_of_a_provider_are_booked_with_the_run_and_after_it(
    site: LiveSite, program: Make, limit: SetLimit, last_row: int
) -> None:
    budget = limit(Decimal(5), "usd", "total", scope="installation")
    client = program()
    with site.composed_with(EMBEDDING_MODEL="text-embedding-3-small", EMBEDDING_DIMENSIONS=1536):
        assert client.chat(f"What is a {uuid4().hex}?", model="assistant").status_code == 200
        rows = client.booked()
    after = side_rows("embedding", last_row)

    assert [row.purpose for row in rows] == ["embedding", "classify", "chat"]
    assert after  # the answer's signature, and the rules' texts
    assert all(row.cost and not row.requests for row in after)
    assert settled_state(budget, "").reserved == 0
    assert drift() == []


def test_trials_in_the_admin_are_the_persons_and_within_their_limits(
    site: LiveSite, limit: SetLimit
) -> None:
    person, gpt = site.user(is_staff=True, is_superuser=True), LLMModel.objects.get(name="gpt")
    admin_client = Client()
    admin_client.force_login(person)
    budget = limit(1, "usd", "total", user=person)
    pages = [reverse("admin:routing_try"), reverse("admin:routing_model_try", args=[gpt.pk])]
    for page in pages:
        assert admin_client.post(page, {"prompt": "Say hello."}).status_code == 200
    rows = LedgerEntry.objects.filter(user=person.pk)

    assert {row.purpose for row in rows} == {"trial"}
    assert {row.model for row in rows} >= {"gpt"}
    assert sum(row.requests for row in rows) == 2
    assert settled_state(budget, person.pk).used == sum(row.cost or 0 for row in rows)
    assert drift() == []
    limit(0, window="total", user=person)
    for page in pages:
        told = admin_client.post(page, {"prompt": "Say hello."}).content.decode()
        assert "The limit user-total" in told
