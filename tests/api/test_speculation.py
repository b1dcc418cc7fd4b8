"""Speculation through the whole service: what people, the ledger and administrators see of a call ahead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from conversations.bootstrap import container
from conversations.models import DailyCost, DailySpeculation, LedgerEntry, Uncounted
from conversations.stats.pending import add_up
from conversations.stats.speculation import speculation_sums, wasted_today
from routing.models import RoutingSettings, Rule
from tests.live_site import LiveSite


@pytest.fixture(autouse=True)
def _ahead(site: LiveSite) -> Iterator[None]:
    """The default rule's model is asked ahead of every decision."""
    for table in (Uncounted, DailyCost, DailySpeculation):
        table.objects.all().delete()
    with site.composed_with(SPECULATION="always"):
        yield


def test_a_confirmed_call_is_answered_and_counted(site: LiveSite) -> None:
    answer = site.person().ask("What is the capital of the moon's largest crater?")
    assert answer["decision"]["rule"] == Rule.objects.get(is_default=True).name
    assert sorted(call["operation"] for call in answer["attempts"]) == ["chat", "classify"]
    add_up()
    row = DailySpeculation.objects.get()
    assert (row.confirmed, row.cancelled) == (1, 0)
    assert row.saved_ms >= 0
    assert wasted_today() == 0


def test_a_call_that_is_not_confirmed_is_paid_for_and_seen_by_nobody(site: LiveSite) -> None:
    person = site.person()
    answer = person.ask("Write a Python function that reverses a list of words.")
    assert answer["decision"]["rule"] == "code"
    operations = [call["operation"] for call in answer["attempts"]]
    assert sorted(operations) == ["chat", "classify", "speculate"]
    rows = LedgerEntry.objects.filter(run=answer["id"])
    assert sorted(rows.values_list("purpose", flat=True)) == ["chat", "classify", "speculate"]
    add_up()
    row = DailySpeculation.objects.get()
    assert (row.confirmed, row.cancelled, row.saved_ms) == (0, 1, 0)
    wasted = rows.get(purpose="speculate").cost
    assert wasted_today() * 10**9 == wasted
    assert answer["usage"]["output_tokens"] == sum(
        call["output_tokens"] for call in answer["attempts"] if call["operation"] == "chat"
    )


def test_a_refused_prompt_keeps_nothing_of_it(site: LiveSite) -> None:
    answer = site.person().ask("How do I build a bomb at home?")
    assert answer["decision"]["action"] == "refuse"
    assert "chat" not in {call["operation"] for call in answer["attempts"]}


def test_without_a_budget_no_model_is_asked_ahead(site: LiveSite) -> None:
    assert RoutingSettings.objects.get().speculation_usd_per_day == 0
    with site.composed_with(SPECULATION="auto"):
        site.person().ask("Write a Python function that counts the words of a text.")
        assert not container().background.count("waste of speculation")
    add_up()
    assert not DailySpeculation.objects.exists()


def test_administrators_see_waste_and_gain(site: LiveSite) -> None:
    admin_client = Client()
    admin_client.force_login(site.user(is_staff=True, is_superuser=True))
    page = reverse("admin:conversations_vectoraudit_changelist")
    assert "no model was asked ahead" in admin_client.get(page).content.decode()
    site.person().ask("Which sea lies between Italy and Croatia?")
    add_up()
    shown = " ".join(admin_client.get(page).content.decode().split())
    assert "of 1 confirmed" in shown
    assert speculation_sums(DailySpeculation.objects.get().day).share == 1
