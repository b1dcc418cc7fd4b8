"""The chart of where the money of a period went, and what was saved."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.admin.money_chart import money_chart
from conversations.models import LedgerEntry
from conversations.stats.period import Period
from conversations.usage.days import day_of
from conversations.usage.roll_up import roll_up

PAID = {"classify": 3_000_001, "chat": 7_000_002, "shadow": 1_000_004, "trial": 5}


@pytest.fixture
def month(published: None) -> Period:
    """Two days of calls by gpt-mini, billionths of a dollar each; the first of them is summed up."""
    now = timezone.now()
    for at in (now - timedelta(days=1), now):
        for purpose, cost in PAID.items():
            LedgerEntry.objects.create(
                run=uuid4(), place=0, at=at, day=day_of(at), requests=1, purpose=purpose,
                model="gpt-mini", input_tokens=1_000_000, output_tokens=500_000,
                cached_tokens=400_000, cost=cost,
            )  # fmt: skip
    assert roll_up()
    return Period(day_of(now - timedelta(days=3)), day_of(now))


def test_paid_sums_are_the_ledgers_and_the_rest_is_compared_with_them(month: Period) -> None:
    chart = money_chart(month)
    bars = dict(zip(chart.labels, chart.series[0].values, strict=True))
    first, without = next(iter(bars.items()))

    assert first.startswith("Without routing: all by ")
    assert "gpt-mini" not in first
    assert bars["Deciding"] == pytest.approx(2 * 0.003000001, abs=1e-12)
    assert bars["Answering"] == pytest.approx(2 * 0.007000002, abs=1e-12)
    assert (bars["Deciding in shadow"], bars["Trying"]) == (0.002000008, 0.00000001)
    assert without
    assert bars["Saved by routing"] == pytest.approx(without - 2 * 0.010000003)
    assert (bars["Saved by prompt caches"] or 0) > 0


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
def test_its_days_are_those_of_the_page(published: None, settings: LazySettings, zone: str) -> None:
    settings.LIMITS_TIME_ZONE = zone
    first = timezone.now().date() - timedelta(days=4)
    period = Period(first, first + timedelta(days=1))
    start, end = period.bounds
    inside = (start, start + timedelta(hours=23), end - timedelta(seconds=1))
    for cost, at in enumerate((start - timedelta(seconds=1), *inside, end), start=1):
        LedgerEntry.objects.create(
            run=uuid4(), place=0, at=at, day=day_of(at), requests=1, purpose="chat",
            model="gpt-mini", cost=cost * 1_000_000_000,
        )  # fmt: skip
    for _ in range(2):  # by the ledger, and by sums of its days
        chart = money_chart(period)
        bars = dict(zip(chart.labels, chart.series[0].values, strict=True))
        assert bars["Answering"] == 2 + 3 + 4
        while roll_up():
            pass


def test_it_is_a_picture_a_table_and_a_file(month: Period, admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:conversations_charts")).content.decode()
    assert "Where the money went, and what was saved" in page
    url = reverse("admin:conversations_chart_csv", args=["money"])
    rows = list(csv.DictReader(StringIO(admin_client.get(url).content.decode())))
    assert [row["What"] for row in rows] == list(money_chart(month).labels)


@pytest.mark.django_db
def test_without_rules_there_is_nothing_to_compare_with(admin_client: Client) -> None:
    today = timezone.now().date()
    assert money_chart(Period(today, today)).empty
