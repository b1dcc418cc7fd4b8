"""Reports of summed days equal the ledger to the last digit, whatever happens to its rows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from conversations.domain.booking import Account, Booking
from conversations.models import LedgerEntry, UsageDay, UsageSum
from conversations.usage.days import day_of
from conversations.usage.ledger import book, forget_some
from conversations.usage.report import GROUPS, Row, usage_report
from conversations.usage.roll_up import days_changed, roll_up, sum_up
from routing.domain.llm import Attempt, Usage
from tests.storage.conftest import ended, person  # noqa: F401 - fixtures

KEY = UUID(int=7)
DAYS = 4


def spent(user: int | None, days_ago: int, *, key: UUID | None = None, end_user: str = "") -> None:
    """Book a run of two calls, one of them without a price."""
    usage = Usage(31, 47, Decimal("0.00000001") * (days_ago + 3), cached_tokens=5)
    calls = [
        Attempt("classify", "haiku", "anthropic", 0, 1, "ok", usage),
        Attempt("chat", f"gpt-{days_ago % 2}", "openai", 0, 1, "ok", Usage(9, 1).at(None)),
    ]
    at = timezone.now() - timedelta(days=days_ago)
    book(uuid4(), ended(*calls, booking=Booking(Account(user, key, end_user), at)))


def reports(user: int | None = None) -> list[tuple[list[Row], Row]]:
    """By every column, and by some together."""
    last = day_of(timezone.now())
    by: Sequence[Sequence[str]] = [*((one,) for one in GROUPS), ("day", "model"), GROUPS]
    first = last - timedelta(days=DAYS + 1)
    return [usage_report(user=user, by=each, first=first, last=last) for each in by]


def rolled_up() -> int:
    """Sum up all that is due; the number of days."""
    return len(list(itertools.takewhile(bool, (roll_up() for _ in range(50)))))


def check_equal(user: int | None = None) -> None:
    """With sums and without."""
    summed = reports(user)
    kept = list(UsageDay.objects.filter(summed=True).values_list("day", flat=True))
    assert kept
    UsageDay.objects.update(summed=False)
    assert reports(user) == summed
    UsageDay.objects.filter(day__in=kept).update(summed=True)


@pytest.fixture
def ledger(person: User) -> User:  # noqa: F811
    for days_ago in range(DAYS):
        for _ in range(2):
            spent(person.pk, days_ago, key=KEY, end_user="anna")
        spent(person.pk, days_ago)
    return person


def test_past_days_are_summed_once_and_reports_stay_the_same(ledger: User) -> None:
    before = reports(), reports(ledger.pk)
    assert rolled_up() == DAYS - 1
    assert rolled_up() == 0
    assert (reports(), reports(ledger.pk)) == before
    assert UsageSum.objects.filter(grain="what").count() == 2 * (DAYS - 1)
    assert reports()[0][1]["requests"] == 3 * DAYS
    assert reports()[0][1]["unpriced"] == 3 * DAYS


def test_months_are_read_from_sums(ledger: User) -> None:
    rolled_up()
    yesterday = day_of(timezone.now()) - timedelta(days=1)
    LedgerEntry.objects.filter(day=yesterday).delete()  # behind the sums' back
    rows, _ = usage_report(user=None, by=["day"], first=yesterday, last=yesterday)
    assert rows[0]["requests"] == 3


def test_a_row_that_comes_late_takes_the_sums_away(ledger: User) -> None:
    rolled_up()
    spent(ledger.pk, 2)
    assert UsageDay.objects.filter(summed=False).count() == 1
    assert reports()[0][1]["requests"] == 3 * DAYS + 1
    check_equal()
    assert rolled_up() == 1
    assert reports()[0][1]["requests"] == 3 * DAYS + 1
    check_equal()


def test_an_erased_person_is_in_no_sum(ledger: User) -> None:
    rolled_up()
    while forget_some(ledger.pk):
        pass
    assert not UsageSum.objects.filter(user=ledger.pk).exists()
    assert not UsageSum.objects.exclude(end_user="").exists()
    assert reports()[0][1]["requests"] == 3 * DAYS
    assert rolled_up() == DAYS - 1
    check_equal()


def test_too_many_groups_to_add_up_are_read_from_the_ledger(
    ledger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled_up()
    monkeypatch.setattr("conversations.usage.report.MOST_ROWS", 2)
    first = day_of(timezone.now()) - timedelta(days=DAYS)
    rows, total = usage_report(user=None, by=["day"], first=first, last=first + timedelta(days=9))
    assert [row["requests"] for row in rows] == [3, 3]
    assert total["requests"] == 3 * DAYS


def test_a_day_is_summed_again_only_where_it_must_be(ledger: User) -> None:
    day = day_of(timezone.now()) - timedelta(days=1)
    sum_up(day)
    made = set(UsageSum.objects.values_list("pk", flat=True))
    sum_up(day)
    assert set(UsageSum.objects.values_list("pk", flat=True)) == made
    days_changed([day, date(2026, 1, 1)])
    assert not UsageSum.objects.exists()
