"""Windows, names and measures of limits, without Redis and without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from conversations.domain.limit_fields import duration
from routing.domain.limits import (
    AppliedLimit,
    LimitScope,
    LimitTerms,
    LimitUnit,
    LimitWindow,
    PaidCall,
    measures,
    window_end,
    window_name,
    window_start,
)

BERLIN = ZoneInfo("Europe/Berlin")
LATE = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
CALLS = (PaidCall("gpt", 10, 5), PaidCall("simulated/gpt-mini", 3, 2))


def terms(
    window: LimitWindow, unit: LimitUnit = LimitUnit.REQUESTS, **fields: object
) -> LimitTerms:
    values = {"id": 1, "scope": LimitScope.USER, "amount": 1, **fields}
    return LimitTerms(unit=unit, window=window, **values)  # type: ignore[arg-type]


def test_days_and_months_are_those_of_the_zone() -> None:
    day, month = terms(LimitWindow.DAY), terms(LimitWindow.MONTH)

    assert window_name(day, LATE, BERLIN) == "20261201"
    assert window_name(month, LATE, BERLIN) == "202612"
    assert window_name(month, LATE, ZoneInfo("UTC")) == "202611"
    assert window_end(month, LATE, BERLIN) == datetime(2027, 1, 1, tzinfo=BERLIN)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_of_a_change_of_the_clock(day: str, hours: int) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=BERLIN)
    start, end = (edge(terms(LimitWindow.DAY), noon, BERLIN) for edge in (window_start, window_end))

    assert start
    assert end
    assert end.hour == 0
    assert (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() == hours * 3600


@pytest.mark.parametrize("window", [LimitWindow.DAY, LimitWindow.MONTH])
def test_a_midnight_that_comes_twice_begins_one_window(window: LimitWindow) -> None:
    first = datetime(2026, 11, 1, 4, tzinfo=UTC)  # an hour later it is midnight in Havana again
    havana, limit = ZoneInfo("America/Havana"), terms(window)
    for at in first, first.replace(hour=5, minute=30), first.replace(hour=20):
        start = window_start(limit, at, havana)

        assert start
        assert start.astimezone(UTC) == first


def test_a_run_is_measured_by_its_calls() -> None:
    assert terms(LimitWindow.DAY).measure(()) == 1
    assert terms(LimitWindow.DAY, LimitUnit.TOKENS).measure(CALLS) == 13
    assert terms(LimitWindow.DAY, LimitUnit.USD).measure(CALLS) == 7
    own = {"models": frozenset({"gpt-mini"})}
    assert terms(LimitWindow.DAY, LimitUnit.USD, **own).measure(CALLS) == 2
    assert terms(LimitWindow.DAY, models=frozenset({"claude"})).measure(CALLS) == 0


def test_names_of_end_users_are_not_in_keys() -> None:
    limit = AppliedLimit(terms(LimitWindow.DAY), "key a b\nc")

    assert limit.name.isascii()
    assert " " not in limit.name
    assert limit.name != AppliedLimit(limit.terms, "key a b").name


def test_buckets_of_a_minute_are_seconds() -> None:
    limit = AppliedLimit(terms(LimitWindow.MINUTE), "1")
    later = LATE.replace(second=1)

    assert limit.bucket(later) - limit.bucket(LATE) == 1
    assert AppliedLimit(terms(LimitWindow.DAY), "1").bucket(later) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1s"), (60, "1m0s"), (360, "6m0s"), (3600, "1h0m0s")]
)
def test_durations_are_as_openai_writes_them(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_limits_of_one_unit_share_a_measure_only_where_they_count_the_same_calls() -> None:
    of_gpt = frozenset({"gpt"})
    each = [
        terms(LimitWindow.DAY, unit, models=models)
        for models in (None, of_gpt)
        for unit in LimitUnit
        for _ in range(2)
    ]
    options = (PaidCall("gpt-mini", 100, 70), PaidCall("gpt", 50, 90))
    found = list(measures(each, CALLS, options=options))
    assert found == [one.measure(CALLS, options=options) for one in each]
    assert found == [1, 1, 113, 113, 97, 97, 0, 0, 1, 1, 60, 60, 95, 95, 0, 0]
