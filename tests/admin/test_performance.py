"""The models at work: sums that add up, of what is selected, in few queries."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conversations.admin.performance import total_of, totals_by_model
from conversations.models import ModelPerformance
from routing.domain.rules import SIMULATED_PREFIX
from routing.models import LLMModel, Rule

pytestmark = pytest.mark.django_db


def make_day(model: str, rule: str = "code", *, ago: int = 0, **sums: Any) -> ModelPerformance:
    day = timezone.now().date() - timedelta(days=ago)
    return ModelPerformance.objects.create(day=day, model=model, rule=rule, **sums)


def shown(client: Client, **query: str) -> dict[str, ModelPerformance]:
    """The totals on the page, by model."""
    page = client.get(reverse("admin:conversations_modelperformance_changelist"), query)
    assert page.status_code == 200
    return {row.model: row for row in page.context["totals"]}


def test_totals_add_days_and_rules_and_weigh_the_means() -> None:
    make_day("gpt", answers=1, first_token_ms_sum=100, first_token_count=1, total_ms_sum=1000)
    make_day(
        "gpt", "draw", answers=3, first_token_ms_sum=500, first_token_count=2, total_ms_sum=9000,
        cache_hits=1, cost_usd=Decimal("0.5"), feedback_good=2, feedback_bad=1,
    )  # fmt: skip
    make_day("claude", ago=1, errors=2)

    gpt, claude = totals_by_model(ModelPerformance.objects.all())
    assert (gpt.model, gpt.answers, gpt.first_token_ms, gpt.total_ms) == ("gpt", 4, 200, 3333)
    assert (gpt.cache_share, gpt.cost_usd, gpt.feedback_good) == (25, Decimal("0.5"), 2)
    assert (claude.errors, claude.first_token_ms, claude.total_ms) == (2, None, None)
    assert total_of([gpt, claude]).answers == 4


def test_totals_follow_the_filters(admin_client: Client) -> None:
    make_day("gpt", answers=1)
    make_day("gpt", "draw", ago=6, answers=2)
    make_day("gpt", ago=7, answers=4)
    make_day("claude", answers=8)

    assert shown(admin_client)["gpt"].answers == 7
    assert shown(admin_client, period="7")["gpt"].answers == 3
    assert shown(admin_client, period="1")["gpt"].answers == 1
    assert shown(admin_client, rule="draw")["gpt"].answers == 2
    assert set(shown(admin_client, model="claude")) == {"claude"}
    first = date.today() - timedelta(days=6)
    ranged = shown(admin_client, day_from=f"{first:%Y-%m-%d}", day_to=f"{first:%Y-%m-%d}")
    assert ranged["gpt"].answers == 2


def test_the_page_tells_what_is_selected(admin_client: Client) -> None:
    make_day("gpt", answers=1)
    query = {"period": "7", "rule": "code"}
    page = admin_client.get(reverse("admin:conversations_modelperformance_changelist"), query)

    told = " ".join(page.content.decode().split())
    assert 'aria-current="true">Last 7 days</a>' in told
    assert 'href="?period=30&amp;rule=code">Last 30 days</a>' in told
    assert "Of rule code alone." in told


def test_an_empty_table_is_a_page_too(admin_client: Client) -> None:
    assert shown(admin_client) == {}


def test_many_days_cost_as_much_as_one(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for ago in range(40):
        make_day("gpt", ago=ago, answers=1)
        make_day("claude", ago=ago, answers=1)
    with django_assert_max_num_queries(11):
        assert shown(admin_client)["gpt"].answers == 40


def test_there_is_no_page_of_one_row(admin_client: Client) -> None:
    row = make_day("gpt")
    url = reverse("admin:conversations_modelperformance_change", args=[row.pk])
    assert admin_client.post(url, {}).status_code == 403


def make_rates(*, gpt: tuple[int, int], claude: tuple[int, int], simulated: bool = False) -> None:
    """Good and bad verdicts on two models under a rule of gpt's."""
    prefix = SIMULATED_PREFIX if simulated else ""
    for model, (good, bad) in (("gpt", gpt), ("claude-sonnet", claude)):
        for ago in range(2):  # over two days
            half: dict[str, Any] = {"feedback_good": good // 2, "feedback_bad": bad // 2}
            make_day(prefix + model, ago=ago, **half)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("simulated", [False, True])
def test_a_clearly_better_liked_model_is_suggested_and_nothing_changed(
    admin_client: Client, simulated: bool
) -> None:
    make_rates(gpt=(84, 36), claude=(130, 14), simulated=simulated)
    rule = Rule.objects.get(name="code")
    page = admin_client.get(reverse("admin:conversations_modelperformance_changelist"))

    told = " ".join(page.content.decode().split())
    prefix = SIMULATED_PREFIX if simulated else ""
    assert (
        f"{prefix}claude-sonnet is liked in 90 % (84-94) of 144, {prefix}gpt in 70 % (61-77) of 120: "
        "consider making claude-sonnet its model."
    ) in told
    assert reverse("admin:routing_rule_change", args=[rule.pk]) in told
    rule.refresh_from_db()
    assert rule.model is not None
    assert rule.model.name == "gpt"


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("gpt", "claude"),
    [
        ((84, 36), (100, 30)),  # the intervals touch
        ((130, 14), (84, 36)),  # it is the rule's model that is liked
        ((2, 26), (130, 14)),  # too few verdicts on the one
        ((2, 60), (28, 0)),  # and on the other
        ((0, 0), (130, 14)),  # nobody judged the rule's model
    ],
)
def test_what_is_not_clear_is_shown_without_a_suggestion(
    admin_client: Client, gpt: tuple[int, int], claude: tuple[int, int]
) -> None:
    make_rates(gpt=gpt, claude=claude)
    page = admin_client.get(reverse("admin:conversations_modelperformance_changelist"))
    assert page.context["win_rates"]
    assert page.context["suggestions"] == []


@pytest.mark.usefixtures("published")
def test_a_model_that_cannot_take_the_place_is_not_suggested(admin_client: Client) -> None:
    make_rates(gpt=(84, 36), claude=(130, 14))
    LLMModel.objects.filter(name="claude-sonnet").update(enabled=False)
    page = admin_client.get(reverse("admin:conversations_modelperformance_changelist"))
    assert page.context["suggestions"] == []
