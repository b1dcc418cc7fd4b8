"""``manage.py demo``: history through the service's own code, and its removal to the last row."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db.models import Sum
from django.utils import timezone
from pytest_django import Settings

from assistant_site.management.demo import sums
from assistant_site.management.demo.script import PEOPLE, PICTURES, REFUSED, day_of_questions
from assistant_site.simulator.known_answers import known_answer
from conversations.models import (
    AnswerReview,
    APIKey,
    Conversation,
    DailyCost,
    DailyOutcome,
    DemoShare,
    Feedback,
    LedgerEntry,
    Limit,
    Message,
    ReplayRun,
    ShadowDecision,
)
from conversations.stats.pending import add_up
from conversations.usage.days import limit_zone
from conversations.usage.states import drifts
from routing.models import GoldenCase, RuleSetRelease, RuleSetVersion
from routing.publishing.draft import draft_now
from tests.live_site import LiveSite
from tests.usage.conftest import SetLimit, limit  # noqa: F401 - a fixture

DAYS = 3
ODD = {*PICTURES, *REFUSED}


def demo(site: LiveSite, *arguments: str, **options: Any) -> str:
    out = StringIO()
    options = {"url": site.url, "days": DAYS, "questions": 8, **options}
    call_command("demo", *arguments, stdout=out, **options)
    return out.getvalue()


def rows() -> dict[str, Any]:
    """All that the demo may touch."""
    add_up()  # what tests before have left to be counted
    tables = (User, Group, APIKey, Limit, Conversation, Message, Feedback, AnswerReview, ShadowDecision, ReplayRun,
              GoldenCase, DemoShare, RuleSetVersion, RuleSetRelease)  # fmt: skip
    return {table.__name__: table._default_manager.count() for table in tables} | {
        # Calls beside the answers name nobody; those of other tests end meanwhile.
        "booked": LedgerEntry.objects.exclude(user=None).count(),
        "sums": {
            key: {name: round(float(by), 6) for name, by in value.items()}
            for key, value in sums.sums_now().items()
            if any(value.values())
        },
    }


def count_before_today() -> int:
    """Outcomes in the sums of past days."""
    past = DailyOutcome.objects.filter(day__lt=timezone.localtime().date())
    return past.aggregate(count=Sum("count"))["count"] or 0


@pytest.mark.timeout(300)
def test_the_demo_has_days_of_history_and_goes_without_a_trace(
    site: LiveSite,
    settings: Settings,
    limit: SetLimit,  # noqa: F811
) -> None:
    settings.SIMULATED_PROVIDERS = ["openai", "anthropic"]
    # Of others, and of tests before.
    ReplayRun.objects.create(pool=1, size=1, cap_usd=1, draft={}, live={})
    GoldenCase.objects.create(
        prompt="Of somebody else.", action="answer", enabled=False, checked_at=timezone.now()
    )
    limit(10**6, scope="installation", window="day")
    before, live, counted = rows(), draft_now().rules, count_before_today()
    replays, cases = (
        set(table.objects.values_list("pk", flat=True)) for table in (ReplayRun, GoldenCase)
    )
    published = dict(RuleSetVersion.objects.values_list("number", "published_at"))
    told = demo(site, "--beside-people")
    asked = Message.objects.filter(role="assistant", conversation__owner__groups__name="Demo")

    assert f"{asked.count()} answers of {DAYS} days" in told
    today = timezone.localtime().date()
    days = {timezone.localtime(at).date() for at in asked.values_list("created_at", flat=True)}
    assert days == {today - timedelta(days=ago) for ago in range(1, DAYS + 1)}
    assert count_before_today() - counted == asked.count()
    assert DailyCost.objects.filter(day__lt=today, cost_usd__gt=0).exists()
    assert ShadowDecision.objects.exists()
    assert ReplayRun.objects.exclude(pk__in=replays).get().status == "done"
    made = GoldenCase.objects.exclude(pk__in=cases)
    assert made.exclude(checked_at=None).count() == made.count() == 3
    assert Feedback.objects.filter(created_at__lt=timezone.now() - timedelta(hours=1)).exists()
    times = RuleSetVersion.objects.order_by("number").values_list("published_at", flat=True)
    assert list(times) == sorted(times)
    assert not list(drifts(timezone.now(), limit_zone()))
    with pytest.raises(CommandError, match="a demo already"):
        demo(site)
    runs = DemoShare.objects.get(table="LedgerEntry").key
    beside = LedgerEntry.objects.filter(run__in=runs, user=None)
    assert set(beside.values_list("purpose", flat=True)) >= {"shadow"}

    assert "The demo is gone." in demo(site, "--remove")
    assert rows() == before
    assert not list(drifts(timezone.now(), limit_zone()))
    assert not beside.exists()
    assert dict(RuleSetVersion.objects.values_list("number", "published_at")) == published
    assert draft_now().rules == live
    assert "no demo here" in demo(site, "--remove")


def test_the_demo_is_refused_beside_people_and_where_it_costs_money(
    site: LiveSite, settings: Settings
) -> None:
    site.person().ask("Tell me about rivers.")
    with pytest.raises(CommandError, match="people have asked on this site"):
        demo(site)
    settings.SIMULATED_PROVIDERS = []
    with pytest.raises(CommandError, match="cost money"):
        demo(site, "--beside-people")
    settings.SIMULATED_PROVIDERS = ["openai", "anthropic"]
    with pytest.raises(CommandError, match="No server answers"):
        demo(site, "--beside-people", url="http://127.0.0.1:9")
    with pytest.raises(CommandError, match="from 1 to 90"):
        demo(site, days=0)


@pytest.mark.pure
def test_the_script_is_the_same_each_time_and_fits_the_people() -> None:
    for ago in range(1, 91):
        questions = day_of_questions(ago, 12)
        assert questions == day_of_questions(ago, 12)
        assert 1 <= len(questions) <= 12
        assert all(known_answer(each.prompt) or each.prompt in ODD for each in questions)
        assert all(each.person < len(PEOPLE) and 8 <= each.hour < 20 for each in questions)
