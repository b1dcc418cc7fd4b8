"""Tables that a worker holds in memory, told from the stored ones by their versions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from conversations.db.table_version import SETTLING
from conversations.models import GroupPolicy, Limit
from conversations.storage.group_policies import read_policies
from conversations.usage.limit_cache import read_table
from routing.domain.limits import LimitScope

pytestmark = pytest.mark.django_db


def test_a_limit_is_seen_that_was_saved_first_and_committed_last() -> None:
    first, _ = (
        Limit.objects.create(scope="user", unit="requests", window="day", amount=1)
        for _ in range(2)
    )
    held = read_table()
    # As it is once the other transaction has ended: no newest time, count or last key tells it.
    Limit.objects.filter(pk=first.pk).update(amount=7)

    terms = read_table(held).terms[LimitScope.USER, ""]
    assert [each.amount for each in terms] == [7, 1]


def test_a_policy_is_seen_that_was_saved_first_and_committed_last() -> None:
    first, _ = (
        GroupPolicy.objects.create(group=Group.objects.create(name=name), allowed_models=["gpt"])
        for name in ("Pupils", "Teachers")
    )
    held = read_policies()
    GroupPolicy.objects.filter(pk=first.pk).update(allowed_models=["claude"])

    assert read_policies(held).models["Pupils"] == frozenset({"claude"})


def test_a_settled_table_is_not_read_again() -> None:
    Limit.objects.create(scope="user", unit="requests", window="day", amount=1)
    GroupPolicy.objects.create(group=Group.objects.create(name="Pupils"))
    for rows in Limit.objects, GroupPolicy.objects:
        rows.update(changed_at=timezone.now() - SETTLING - timedelta(seconds=1))
    table, policies = read_table(), read_policies()

    assert read_table(table) is table
    assert read_policies(policies) is policies
