"""Charts and money: sums of what really ended, days and periods, and advice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from conversations.domain.booking import Account, Booking
from conversations.engine.types import CacheFacts
from conversations.models import (
    DailyCost,
    DailyOutcome,
    Feedback,
    FirstTokenCount,
    ModelPerformance,
    PersonCost,
    Reuse,
    Uncounted,
)
from conversations.stats.charts import CHARTS
from conversations.stats.daily import bucket_of, cost_record, quantile
from conversations.stats.money import advice, money_of
from conversations.stats.pending import add_up
from conversations.stats.period import MOST_DAYS, Period
from conversations.storage import erasure, turns
from routing.domain.llm import Attempt, Usage
from tests.storage.conftest import Ask, ended

pytestmark = pytest.mark.django_db
MS = 1_000_000
_starts = count()


@pytest.fixture(autouse=True)
def _none_yet(db: None) -> None:
    for table in (Uncounted, DailyCost, DailyOutcome, FirstTokenCount, PersonCost, Reuse):
        table.objects.all().delete()
    ModelPerformance.objects.all().delete()


def call(operation: Any, cost: str | None, **fields: Any) -> Attempt:
    usage = Usage(10, 10).at(Decimal(cost) if cost else None)
    values: dict[str, Any] = {
        "operation": operation, "model": "gpt", "provider": "openai", "outcome": "ok",
        "started_ns": 0, "ended_ns": 2000 * MS, "usage": usage, **fields,
    }  # fmt: skip
    return Attempt(**values)


def today() -> Period:
    day = timezone.now().date()
    return Period(day, day)


def answered(ask: Ask, *calls: Attempt, **fields: Any) -> None:
    begun = ask()
    assert turns.answer_finish(message=begun.message, outcome=ended(*calls, **fields))
    add_up()


def series(name: str, period: Period | None = None) -> dict[str, list[Any]]:
    return {one.label: list(one.values) for one in CHARTS[name](period or today()).series}


def test_money_is_told_by_purpose_and_nothing_is_left_out(ask: Ask, person: User) -> None:
    booking = Booking(Account(person.pk), datetime.now(UTC))
    answered(ask, call("classify", "0.25"), call("chat", "0.10"), booking=booking)
    answered(ask, call("classify", "0.25"), call("image", "0.50"), booking=booking)
    answered(ask, call("embedding", "0.05"), call("chat", None, outcome="provider_error"), status="failed")  # fmt: skip
    cost_record(purpose="judge", rule="general", attempts=[call("judge", "0.01")])
    cost_record(purpose="shadow", rule="general", attempts=[call("classify", "0.02")])

    told = series("cost")
    assert {name: values[0] for name, values in told.items() if values[0]} == {
        "Deciding": 0.5, "Answering": 0.1, "Drawing": 0.5, "Judging": 0.01, "Embedding": 0.05,
        "Deciding in shadow": 0.02,
    }  # fmt: skip
    money = money_of(today())
    assert money.total == sum(row.cost_usd for row in DailyCost.objects.all()) == Decimal("1.18")
    assert [(bill.name, bill.usd, bill.count) for bill in money.people] == [
        (person.username, Decimal("1.1"), 2)
    ]
    assert next(bill.unpriced for bill in money.purposes if bill.name == "Answering") == 1
    assert "Deciding cost $0.50, more than answering ($0.10)" in money.advice
    assert CHARTS["cost"](today()).note == "1 calls of unknown cost are not in it."


def test_there_is_no_advice_where_answering_costs_more() -> None:
    assert advice([]) == ""


def test_prompts_are_counted_by_their_outcome_and_hits_save_money(ask: Ask) -> None:
    answered(ask, call("classify", "0.1"), call("chat", "0.3"))
    answered(ask, cache=CacheFacts("exact"))
    answered(ask, cache=CacheFacts("semantic"))
    answered(ask, model=None)
    answered(ask, status="failed")
    answered(ask, status="stopped")

    told = series("prompts")
    assert told["New answers"] == told["Refused"] == told["Failed"] == told["Stopped"] == [1]
    assert told["From the cache, same words"] == told["From the cache, similar question"] == [1]
    assert series("cost")["Saved by reuse (estimated)"] == [pytest.approx(0.8)]
    assert series("reuse")["From the cache, same words"] == [pytest.approx(1 / 6)]
    flows = {(start, end): n for start, end, n in CHARTS["flow"](today()).flows}
    assert flows["Prompts", "rule general"] == 6
    assert flows["model gpt", "Failed"] == 1


def test_the_first_token_has_a_median_and_a_95th_percentile(ask: Ask) -> None:
    for first in (300.0,) * 9 + (3000.0,):
        answered(ask, call("chat", "0.1", first_token_ms=first))
    answered(ask, call("chat", "0.1", first_token_ms=9000.0), status="failed")
    told = series("first-token")
    assert told["gpt, median"][0] == pytest.approx(300, rel=0.2)
    assert told["gpt, 95 %"][0] == pytest.approx(3000, rel=0.2)


@pytest.mark.parametrize("milliseconds", [0, 1, 5, 90, 1000, 60_000])
def test_a_bucket_holds_its_time(milliseconds: float) -> None:
    bucket = bucket_of(milliseconds)
    assert 2 ** (bucket / 4) <= max(1, milliseconds) < 2 ** ((bucket + 1) / 4)
    assert quantile({bucket: 1}, 0.5) == pytest.approx(max(1, milliseconds), rel=0.2)
    assert quantile({}, 0.5) is None


def test_ratings_reasons_and_checks_have_intervals(ask: Ask, person: User) -> None:
    day = timezone.now().date()
    ModelPerformance.objects.create(day=day, model="gpt", rule="code", feedback_good=9, feedback_bad=1)  # fmt: skip
    begun = ask()
    Feedback.objects.create(message_id=begun.message, user=person, verdict="bad", reason="too_long")
    Reuse.objects.create(
        message_id=begun.message, served=True, shared=True, probability=0.97, cut=0.9, audited=True
    )
    likes = CHARTS["likes"](today())
    assert likes.labels == ["code (10)"]
    assert likes.series[0].values == [0.9]
    low, high = likes.series[0].low[0], likes.series[0].high[0]
    assert low is not None
    assert high is not None
    assert low < 0.9 < high
    assert "too long" in CHARTS["reasons"](today()).labels
    assert series("calibration")["Right when checked"] == [1]
    assert series("versions")["Good ratings"] == [0.9]


def test_the_period_before_stands_beside(ask: Ask) -> None:
    day = timezone.now().date()
    DailyOutcome.objects.create(day=day - timedelta(days=1), rule="code", outcome="new", count=7)
    answered(ask, call("chat", "0.1"))
    assert series("prompts")["Period before"] == [7]
    shares = series("rules")
    assert shares["This period"] == [0, 1]
    assert shares["Period before"] == [1, 0]


def test_failed_calls_are_summed_by_provider(ask: Ask) -> None:
    answered(ask, call("chat", "0.1", outcome="provider_error", model="simulated/nobodys"))
    assert series("failures") == {"another": [1]}


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({}, 30),
        ({"days": "7"}, 7),
        ({"days": "0"}, 1),
        ({"days": "-3"}, 30),
        ({"days": "9" * 4000}, 30),
        ({"days": "٣"}, 30),
        ({"days": "999"}, MOST_DAYS),
        ({"from": "0001-01-01"}, MOST_DAYS),
        ({"from": "nonsense", "to": "2026-13-01"}, 30),
        ({"from": "9999-12-31"}, 1),
    ],
)
def test_a_period_is_bounded(query: dict[str, str], days: int) -> None:
    period = Period.of(query)
    assert len(period.days) == days
    assert period.last == timezone.now().date()
    assert len(period.before.days) == days


def test_a_period_of_two_dates() -> None:
    period = Period.of({"from": "2026-01-30", "to": "2026-02-02"})
    assert period.labels == ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"]
    assert period.before == Period(date(2026, 1, 26), date(2026, 1, 29))
    early = Period.of({"to": "0001-01-01", "days": "1"})
    assert early.last <= timezone.now().date()


def test_an_erased_person_has_no_costs_any_more(ask: Ask, person: User) -> None:
    answered(ask, call("chat", "0.1"), booking=Booking(Account(person.pk), datetime.now(UTC)))
    assert PersonCost.objects.filter(user=person.pk).exists()
    erasure.erasure_begin([person.pk])
    while erasure.erase_batch(user=person.pk):
        pass
    assert not PersonCost.objects.filter(user=person.pk).exists()


def test_every_chart_is_drawn_from_nothing() -> None:
    for name, make in CHARTS.items():
        chart = make(today())
        assert chart.name == name
        assert chart.empty
        assert all(len(row) == len(chart.header) for row in chart.rows)
