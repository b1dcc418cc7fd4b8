"""Limits in the admin: names of models that nothing has are told, and what staff set is theirs."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import Limit, LimitWarning
from conversations.storage.api_keys import key_create
from conversations.storage.key_limits import KeyLimit
from routing.domain.limits import LimitUnit, LimitWindow
from tests.admin.forms import form_of

HOURLY = KeyLimit(LimitUnit.REQUESTS, LimitWindow.HOUR, Decimal(100))


@pytest.fixture
def key(person: User) -> UUID:
    """A key with a limit of its owner's."""
    made, _ = key_create(owner=person.pk, by=person.pk, limits=[HOURLY], name="a program")
    return made.pk


def save(client: Client, limit: Limit, **fields: str) -> str:
    url = reverse("admin:conversations_limit_change", args=[limit.pk])
    response = client.post(url, {**form_of(client.get(url)), **fields}, follow=True)  # type: ignore[arg-type]
    assert response.redirect_chain
    return response.content.decode()


@pytest.mark.usefixtures("published")
def test_a_name_that_no_model_has_is_told(admin_client: Client, key: UUID) -> None:
    """A mistyped name, or that of a model that was renamed, would limit nothing in silence."""
    limit = Limit.objects.get(key=key)

    assert "No model is named" not in save(admin_client, limit, model_names="gpt-mini")
    told = save(admin_client, limit, model_names="gpt-mini\ngpt-minni")
    assert "No model is named gpt-minni: nothing counts for that." in told
    assert "gpt-mini, gpt-minni (no such model)" in told


@pytest.mark.usefixtures("published")
def test_an_owner_cannot_undo_what_staff_set(admin_client: Client, key: UUID) -> None:
    limit = Limit.objects.get(key=key)
    assert limit.by_owner
    save(admin_client, limit, amount="10")
    limit.refresh_from_db()

    assert limit.amount == 10
    assert not Limit.objects.filter(key=key, by_owner=True).exists()


@pytest.mark.parametrize("whose", ["limit", "group"])
def test_a_limit_that_has_warned_can_be_deleted(admin_client: Client, whose: str) -> None:
    group = Group.objects.create(name="Sales")
    limit = Limit.objects.create(group=group, scope="group", unit="usd", window="day", amount=1)
    spent = {"level": 80, "amount": 10**9, "used": 8 * 10**8}
    LimitWarning.objects.create(limit=limit, window="20261201", at=timezone.now(), **spent)
    page = {"limit": ("conversations_limit", limit.pk), "group": ("auth_group", group.pk)}
    name, row = page[whose]

    response = admin_client.post(reverse(f"admin:{name}_delete", args=[row]), {"post": "yes"})
    assert response.status_code == 302
    assert not Limit.objects.exists()
    assert not LimitWarning.objects.exists()
