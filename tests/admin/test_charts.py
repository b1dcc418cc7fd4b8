"""The page of charts: its period in the address, its numbers as tables and CSV, its money, and who may see it."""

from __future__ import annotations

import csv
import json
import re
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conversations.admin import attention
from conversations.admin.charts import sparkline
from conversations.models import (
    AnswerReview,
    DailyCost,
    DailyOutcome,
    FirstTokenCount,
    PersonCost,
)
from conversations.stats.charts import CHARTS
from routing.models import GoldenCase, LLMModel, Rule
from tests.admin.conftest import make_exchange

pytestmark = pytest.mark.usefixtures("published")
URL = "admin:conversations_charts"


@pytest.fixture(autouse=True)
def _sums(db: None) -> None:
    for table in (DailyCost, DailyOutcome, FirstTokenCount, PersonCost):
        table.objects.all().delete()
    for ago in range(60):
        day = timezone.now().date() - timedelta(days=ago)
        DailyOutcome.objects.create(day=day, rule="code", model="gpt", outcome="new", count=ago + 1)
        for purpose, cost in (("classify", "0.02"), ("chat", "0.01")):
            DailyCost.objects.create(
                day=day, purpose=purpose, rule="code", model="gpt", calls=1, cost_usd=Decimal(cost)
            )


def test_a_period_of_the_address_is_drawn_and_told(admin_client: Client) -> None:
    page = admin_client.get(reverse(URL), {"days": "7"})
    text = page.content.decode()
    found = re.search(
        r'<script id="chart-prompts-data" type="application/json">(.*?)</script>', text
    )
    assert found
    data = json.loads(found[1])
    assert len(data["labels"]) == 7
    assert data["series"][0]["values"] == [7, 6, 5, 4, 3, 2, 1]
    assert next(one for one in data["series"] if one["soft"])["values"] == [
        14,
        13,
        12,
        11,
        10,
        9,
        8,
    ]
    assert '<th scope="row">2' in text  # the same as a table
    assert "Deciding cost $0.14, more than answering ($0.07)" in text
    assert "style=" not in re.sub(r"<svg.*?</svg>", "", text.split('id="content"')[1])


def test_the_numbers_are_exported(admin_client: Client) -> None:
    DailyOutcome.objects.create(
        day=timezone.now().date(), rule="=cmd()", model="", outcome="new", count=9
    )
    url = reverse("admin:conversations_chart_csv", args=["cost"])
    page = admin_client.get(url, {"days": "7"})
    assert page.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(page.content.decode())))
    assert len(rows) == 7
    assert {float(row["Deciding"]) for row in rows} == {0.02}
    rules = admin_client.get(reverse("admin:conversations_chart_csv", args=["rules"]))
    assert "'=cmd()," in rules.content.decode()  # no formula for a spreadsheet
    nothing = reverse("admin:conversations_chart_csv", args=["nothing"])
    assert admin_client.get(nothing).status_code == 404
    for name in CHARTS:
        assert admin_client.get(reverse("admin:conversations_chart_csv", args=[name])).status_code == 200  # fmt: skip


def test_many_days_cost_as_many_queries_as_one(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(60):
        admin_client.get(reverse(URL), {"days": "90"})


def test_who_sees_statistics_sees_charts_and_no_names(client: Client, person: User) -> None:
    PersonCost.objects.create(day=timezone.now().date(), user=person.pk, prompts=3, cost_usd=1)
    reader = User.objects.create_user("reader", is_staff=True)
    client.force_login(reader)
    assert client.get(reverse(URL)).status_code == 403
    assert client.get(reverse("admin:conversations_chart_csv", args=["cost"])).status_code == 403
    assert "chart-prompts" not in client.get(reverse("admin:index")).content.decode()

    reader.user_permissions.add(Permission.objects.get(codename="view_modelperformance"))
    text = client.get(reverse(URL)).content.decode()
    assert "Cost per model" in text
    assert "Cost per person" not in text
    reader.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert '<th scope="row">demo</th>' in client.get(reverse(URL)).content.decode()


def test_the_start_page_says_what_needs_a_person(
    admin_client: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Rule.objects.filter(name="code").update(priority=3)
    LLMModel.objects.filter(name="gpt").update(key_variable="NOT_SET_API_KEY")
    monkeypatch.setattr(attention, "provider_faults", lambda: ["OpenAI: key refused (401)"])
    GoldenCase.objects.create(prompt="Why?", action="answer", failure="action refuse")
    answer = make_exchange(person)
    AnswerReview.objects.create(subject=answer.pk, source=answer, review="open")
    text = admin_client.get(reverse("admin:index")).content.decode()
    for need in (
        "2 changes not published.",
        "OpenAI: key refused (401)",
        "“gpt” is not asked: the variable NOT_SET_API_KEY is not set.",
        "1 golden case failed when last run.",
        "1 answer to review.",
        "more than answering",
    ):
        assert need in text
    assert "chart-cost-data" in text


@pytest.mark.parametrize(
    ("codenames", "page"),
    [(["view_rule"], "routing_rule_changelist"), (["view_rule", "publish_rulesetversion"], "routing_publish")],
)  # fmt: skip
def test_the_start_page_leads_where_its_reader_may_go(
    published: None, client: Client, codenames: list[str], page: str
) -> None:
    Rule.objects.filter(name="code").update(priority=3)
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(reader)
    text = client.get(reverse("admin:index")).content.decode()
    (link,) = re.findall(r'<a[^>]* href="([^"]+)"[^>]*>1 change not published', text)

    assert link == reverse(f"admin:{page}")
    assert client.get(link).status_code == 200


def test_the_start_page_of_a_quiet_site(client: Client) -> None:
    client.force_login(User.objects.create_user("reader", is_staff=True))
    assert "Nothing waits." in client.get(reverse("admin:index")).content.decode()


def test_lists_show_the_traffic_of_each_row(admin_client: Client) -> None:
    text = admin_client.get(reverse("admin:routing_rule_changelist")).content.decode()
    assert 'aria-label="105 in 14 days"' in text
    text = admin_client.get(reverse("admin:routing_llmmodel_changelist")).content.decode()
    assert 'aria-label="105 in 14 days"' in text


def test_a_line_without_height_is_drawn() -> None:
    assert 'points="0.0,19.0"' in sparkline([0])
