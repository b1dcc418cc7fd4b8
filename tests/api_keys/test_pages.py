"""The admin's pages of keys: made, rotated and revoked; the secret is shown once and kept nowhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.domain.api_keys import key_digest
from conversations.models import APIKey
from conversations.storage.api_keys import key_create, key_rights

pytestmark = pytest.mark.django_db
LIST = "admin:conversations_apikey_changelist"
BUTTON = "conversations_apikey_"


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("program")


def shown_secret(page: HttpResponse) -> str:
    found = re.search(r"sk-ac-[0-9A-Za-z]{36}", page.content.decode())
    assert found, page.content.decode()[-2000:]
    assert "no-store" in page.headers["Cache-Control"]
    return found[0]


def make(client: Client, owner: User, **fields: Any) -> HttpResponse:
    body = {"name": "front end", "owner": owner.pk, "scopes": ["chat", "feedback"], **fields}
    return client.post(reverse("admin:conversations_apikey_add"), body)  # type: ignore[return-value]


def change_page(row: APIKey) -> str:
    return reverse("admin:conversations_apikey_change", args=[row.pk])


def test_a_key_is_made_for_a_person_and_shown_once(
    admin_client: Client, admin_user: User, owner: User
) -> None:
    page = make(admin_client, owner, model_names="gpt-mini\n\n assistant ", end_users="on")
    secret, row = shown_secret(page), APIKey.objects.get()

    assert (row.owner, row.scopes) == (owner, ["chat", "feedback"])
    assert row.model_names == ["gpt-mini", "assistant"]
    assert row.end_users
    rights = key_rights(key_digest(secret))
    assert rights
    assert rights.caller.user == owner.pk
    entry = LogEntry.objects.get(object_id=str(row.pk))
    assert (entry.user_id, entry.change_message) == (admin_user.pk, "Created.")
    assert not any(secret in str(session.get_decoded()) for session in Session.objects.all())
    for again in (admin_client.get(change_page(row)), admin_client.get(reverse(LIST))):
        assert secret not in again.content.decode()
        assert f"{secret[:10]}…{secret[-4:]}" in again.content.decode()


@pytest.mark.parametrize(("button", "old_lives"), [("rotate", True), ("replace", False)])
def test_a_key_is_rotated(admin_client: Client, owner: User, button: str, old_lives: bool) -> None:
    row, old = key_create(owner=owner.pk, by=owner.pk, name="a", scopes=["chat"])
    body = {"name": "a", "scopes": ["chat"], BUTTON + button: "1"}
    page: Any = admin_client.post(change_page(row), body)
    new = shown_secret(page)

    assert new != old
    assert key_rights(key_digest(new))
    before = key_rights(key_digest(old))
    assert before
    assert before.valid_until
    assert (before.valid_until > timezone.now()) is old_lives


def test_a_key_is_changed_and_revoked(admin_client: Client, owner: User) -> None:
    row, secret = key_create(owner=owner.pk, by=owner.pk, name="a", scopes=["chat"])
    body: dict[str, Any] = {"name": "b", "scopes": ["images"], "model_names": ""}
    admin_client.post(change_page(row), body)
    row.refresh_from_db()
    assert (row.name, row.scopes, row.model_names) == ("b", ["images"], None)

    admin_client.post(change_page(row), body | {f"{BUTTON}revoke": "1"})
    assert key_rights(key_digest(secret)) is None
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Created.",
        "Changed name, scopes.",
        "Revoked.",
    ]
    page = admin_client.get(change_page(row))
    assert page.status_code == 200
    assert f"{BUTTON}rotate" not in page.content.decode()


def test_many_are_revoked_at_once_and_none_deleted(admin_client: Client, owner: User) -> None:
    rows = [
        key_create(owner=owner.pk, by=owner.pk, name=name, scopes=["chat"])[0] for name in "abc"
    ]
    chosen = {"_selected_action": [str(row.pk) for row in rows[:2]]}
    admin_client.post(reverse(LIST), {"action": "revoke_all", **chosen})
    admin_client.post(reverse(LIST), {"action": "delete_selected", "post": "yes", **chosen})
    admin_client.post(reverse("admin:conversations_apikey_delete", args=[rows[2].pk]))

    assert APIKey.objects.filter(revoked_at=None).count() == 1
    assert APIKey.objects.count() == 3


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"model_names": "x" * 97}, "model_names"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "expires_at"),
    ],
)
def test_faults_stand_beside_their_fields(
    admin_client: Client, owner: User, fields: dict[str, Any], field: str
) -> None:
    page: Any = make(admin_client, owner, **fields)

    assert page.status_code == 200
    assert page.context["adminform"].form.errors[field]
    assert not APIKey.objects.exists()


def test_viewers_make_and_rotate_nothing(client: Client, owner: User) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(viewer)
    row, _ = key_create(owner=owner.pk, by=owner.pk, name="a", scopes=["chat"])

    assert client.get(reverse(LIST)).status_code == 200
    assert make(client, owner).status_code == 403
    refused = client.post(change_page(row), {"name": "b", f"{BUTTON}rotate": "1"})
    assert refused.status_code == 403
    assert row.secrets.count() == 1
