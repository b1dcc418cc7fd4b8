"""Reservations in Redis, below the requests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from redis.exceptions import NoScriptError

from conversations.usage.counters import COUNT_ANEW, Charge, UsageCounters
from conversations.usage.limit_cache import LimitCache
from conversations.usage.reservations import Reservations
from conversations.usage.warnings import LimitWatch
from routing.common.redis.clients import Breaker, async_client, close
from routing.common.tasks import Background
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


async def test_a_settlement_may_travel_with_other_commands(redis_url: str) -> None:
    client, run = async_client(redis_url), uuid4()
    counters = UsageCounters(client, Breaker(), prefix=f"test-{run}", zone=ZoneInfo("UTC"))
    terms = LimitTerms(1, LimitScope.USER, LimitUnit.CONCURRENT, LimitWindow.TOTAL, 5)
    charges = [Charge(limit := AppliedLimit(terms, "7"), 1)]
    slots = counters.slots(charges, NOON)
    await counters.reserve(run, charges, slots, NOON, {}, lease=60)
    settle: Any = client.execute_command

    assert counters.settlement(run, slots, [0])[0] == "EVAL"  # Redis may not have it yet
    counters.replied([0])
    await client.script_flush()
    with pytest.raises(NoScriptError) as refusal:
        await settle(*counters.settlement(run, slots, [0]))
    assert await counters.state(limit, NOON) == (0, 1)
    counters.replied(refusal.value)
    assert await settle(*counters.settlement(run, slots, [0])) == [COUNT_ANEW]
    assert await counters.state(limit, NOON) == (0, 0)
    # Lost twice: the second time the reservation's script is not known to be loaded, and is sent whole.
    counters.replied([0])
    await client.script_flush()
    await counters.reserve(run, charges, slots, NOON, {}, lease=60)
    assert await settle(*counters.settlement(run, slots, [0])) == [COUNT_ANEW]
    await close(client)


@pytest.mark.parametrize("window", [LimitWindow.HOUR, LimitWindow.DAY])
async def test_reservations_of_the_version_before_are_settled(
    redis_url: str, window: LimitWindow
) -> None:
    client, run = async_client(redis_url), uuid4()
    counters = UsageCounters(client, Breaker(), prefix=f"test-{run}", zone=ZoneInfo("UTC"))
    limits = [
        AppliedLimit(LimitTerms(number, LimitScope.USER, LimitUnit.TOKENS, window, 500), "7")
        for number in range(11)
    ]
    charges = [Charge(limit, 30 + limit.terms.id) for limit in limits]
    slots = counters.slots(charges, NOON)
    for slot in slots:
        await client.hset(slot.key, "e", "seed")
    await counters.reserve(run, charges, slots, NOON, {"at": "noon"}, lease=60)
    # Before 2026-12 a reservation was a hash: its facts, and a field for each limit.
    key = counters._reservation(run)
    note: Any = await client.getdel(key)
    facts, *lines = note.split(b"\n")
    fields: Any = {f"c{at}": line for at, line in enumerate(lines, start=1)}
    await client.hset(key, mapping={"facts": facts, **fields})

    assert await counters.noted(run) == ({"at": "noon"}, slots)
    measured = [limit.terms.id for limit in limits]
    assert await counters.settle(run, slots, measured) == measured
    assert [await counters.state(limit, NOON) for limit in limits] == [
        (used, 0) for used in measured
    ]
    assert not await client.exists(key)
    await close(client)


@pytest.mark.django_db(transaction=True)
async def test_a_lost_run_that_cannot_be_settled_keeps_no_other_from_it(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, background, zone = async_client(redis_url), Background(), ZoneInfo("UTC")
    counters = UsageCounters(client, Breaker(), prefix=f"test-{uuid4()}", zone=zone)
    reservations = Reservations(
        LimitCache(background), counters, background,
        LimitWatch(background, zone=zone, webhook=False, told=lambda *_: None),
        zone=zone, lease_seconds=60, prices_known=partial(asyncio.sleep, 0),
    )  # fmt: skip
    limit = AppliedLimit(
        LimitTerms(1, LimitScope.USER, LimitUnit.REQUESTS, LimitWindow.MONTH, 9), "7"
    )
    charges, runs = [Charge(limit, 1)], sorted(uuid4() for _ in range(3))
    slots = counters.slots(charges, NOON)
    booked: dict[str, Any] = {
        "user": None,
        "key": None,
        "end_user": "",
        "groups": [],
        "at": NOON.isoformat(),
    }
    terms: list[Any] = [{"unit": "requests", "models": None}]
    for age, run in enumerate(runs):
        # The second is of another version, which knows a unit that this one does not.
        told = [{"unit": "pictures", "models": None}] if age == 1 else terms
        facts, lease = {**booked, "terms": told}, age - 60
        await counters.reserve(run, charges, slots, NOON, facts, lease=lease, force=True)

    monkeypatch.setattr("conversations.usage.counters.CLAIM_SECONDS", 0)
    await reservations._settle_lost()

    assert await counters.renew(runs, lease=-60) == [runs[0], runs[2]]
    assert await counters.lost() == [runs[1]]  # tried again
    await close(client)
