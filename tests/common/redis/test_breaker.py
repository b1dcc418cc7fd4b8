"""The breaker: what it lets through, by a clock the test turns."""

from __future__ import annotations

import pytest

from routing.common.redis.clients import Breaker


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, reset_after=1.0, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allows()
        breaker.failed()


def test_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert not breaker.allows()
    assert not breaker.closed


def test_a_success_between_failures_starts_the_count_over(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.allows()


def test_one_probe_goes_through_each_interval(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 1.0
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.failed()
    clock.now = 1.9
    assert not breaker.allows()
    clock.now = 2.0
    assert breaker.allows()


def test_a_successful_probe_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 1.0
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.closed
    fail(breaker, 2)
    assert breaker.allows()


def test_a_cancelled_probe_makes_room_for_another(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 1.0
    assert breaker.allows()
    breaker.released()
    assert breaker.allows()


def test_a_cancelled_call_counts_for_nothing(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.released()
    assert breaker.closed
    fail(breaker, 1)
    assert not breaker.closed
