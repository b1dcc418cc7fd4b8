"""Tables that a worker holds in memory, told from the stored ones by their versions."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.utils import timezone

from conversations.db.table_version import SETTLING
from conversations.domain.booking import Account
from conversations.models import GroupPolicy, Limit
from conversations.storage.group_policies import read_policies
from conversations.usage.limit_cache import LimitTable, read_table
from routing.domain.limits import LimitScope, LimitTerms, LimitUnit, LimitWindow

pytestmark = pytest.mark.django_db


def test_a_limit_is_seen_that_was_saved_first_and_committed_last() -> None:
    first, _ = (
        Limit.objects.create(scope="user", unit="requests", window="day", amount=1)
        for _ in range(2)
    )
    held = read_table()
    # As it is once the other transaction has ended: no newest time, count or last key tells it.
    Limit.objects.filter(pk=first.pk).update(amount=7)

    with time_machine.travel(timezone.now() + SETTLING[0]):
        terms = read_table(held).terms[LimitScope.USER, ""]
    assert [each.amount for each in terms] == [7, 1]


def test_a_policy_is_seen_that_was_saved_first_and_committed_last() -> None:
    first, _ = (
        GroupPolicy.objects.create(group=Group.objects.create(name=name), allowed_models=["gpt"])
        for name in ("Pupils", "Teachers")
    )
    held = read_policies()
    GroupPolicy.objects.filter(pk=first.pk).update(allowed_models=["claude"])

    with time_machine.travel(timezone.now() + SETTLING[0]):
        assert read_policies(held).models["Pupils"] == frozenset({"claude"})


@pytest.mark.parametrize("seconds", [0, 2, 10, 100])
def test_a_table_is_not_read_at_every_look(seconds: int) -> None:
    Limit.objects.create(scope="user", unit="requests", window="day", amount=1)
    GroupPolicy.objects.create(group=Group.objects.create(name="Pupils"))
    with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False):
        table, policies = read_table(), read_policies()
        assert read_table(table) is table
        assert read_policies(policies) is policies


def test_limits_of_a_keys_maker_hold_once_the_database_tells_the_maker() -> None:
    maker, account = uuid4(), Account(1, uuid4())
    unit, window = LimitUnit.REQUESTS, LimitWindow.DAY
    terms = LimitTerms(id=1, scope=LimitScope.KEY, unit=unit, window=window, amount=1)
    table = LimitTable(terms={(LimitScope.KEY, str(maker)): [terms]})

    assert table.applying(account, frozenset()) == []
    assert [each.terms for each in table.applying(account, frozenset(), (maker,))] == [terms]
