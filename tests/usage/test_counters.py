"""Reservations in Redis, below the requests."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from conversations.usage.counters import COUNT_ANEW, Charge, UsageCounters
from routing.common.redis.clients import Breaker, async_client, close
from routing.domain.limits import AppliedLimit, LimitScope, LimitTerms, LimitUnit, LimitWindow

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("window", [LimitWindow.MINUTE, LimitWindow.MONTH])
async def test_a_reservation_of_nothing_is_settled(redis_url: str, window: LimitWindow) -> None:
    client, run = async_client(redis_url), uuid4()
    counters = UsageCounters(client, Breaker(), prefix=f"test-{run}", zone=ZoneInfo("UTC"))
    terms = LimitTerms(1, LimitScope.USER, LimitUnit.USD, window, 5)
    charges = [Charge(AppliedLimit(terms, "7"), 0)]  # of a model that costs nothing
    slots = counters.slots(charges, NOON)
    assert await counters.reserve(run, charges, slots, NOON, {}, lease=60, force=True) == [5]

    assert await counters.settle(run, slots, [0]) == [COUNT_ANEW]
    assert await counters.renew([run], lease=60) == [run]  # none is left
    await close(client)
