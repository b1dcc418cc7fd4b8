"""Pages of accounts and groups: nobody takes rights by changing them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from conversations.models import APIKey
from conversations.storage.api_keys import key_create


@pytest.fixture
def helper(client: Client) -> User:
    """Staff who may change and delete accounts and groups, and who is signed in."""
    helper = User.objects.create_user("helper", is_staff=True)
    names = ["view_user", "change_user", "delete_user", "view_group", "change_group", "add_group"]
    helper.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(helper)
    return helper


def page(person: User, view: str = "change") -> str:
    return reverse(f"admin:auth_user_{view}", args=[person.pk])


def changed(client: Client, person: User) -> User:
    """The account after somebody tried to give it a name and all rights."""
    group = Group.objects.create(name="All")
    group.permissions.set(Permission.objects.all())
    wanted = {
        "username": person.username,
        "first_name": "New",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [group.pk],
        "user_permissions": list(Permission.objects.values_list("pk", flat=True)),
        "date_joined_0": "2026-01-01",
        "date_joined_1": "10:00:00",
    }
    client.post(page(person), wanted)
    return User.objects.get(pk=person.pk)


@pytest.mark.parametrize("own", [True, False])
def test_a_helper_changes_people_and_no_rights(client: Client, helper: User, own: bool) -> None:
    person = helper if own else User.objects.create_user("person")
    held = set(person.get_all_permissions())
    now = changed(client, person)

    assert now.first_name == "New"
    assert (now.is_staff, now.is_superuser) == (own, False)
    assert set(now.get_all_permissions()) == held


@pytest.mark.parametrize("administrator", [True, False])
def test_a_helper_changes_no_staff(client: Client, helper: User, administrator: bool) -> None:
    other = User.objects.create_user("other", is_staff=True, is_superuser=administrator)
    assert changed(client, other).first_name == ""
    for view in ("delete", "password_change"):
        assert client.get(page(other, view)).status_code == 403
    everybody = {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
    client.post(reverse("admin:auth_user_changelist"), everybody)

    assert User.objects.get(pk=other.pk).is_active


def test_a_helper_gives_a_group_no_permissions(client: Client, helper: User) -> None:
    group = Group.objects.create(name="Law")
    forms = {"policy-TOTAL_FORMS": "0", "policy-INITIAL_FORMS": "0"}
    wanted = {"name": "Lawyers", "permissions": [Permission.objects.latest("pk").pk], **forms}
    client.post(reverse("admin:auth_group_change", args=[group.pk]), wanted)
    group.refresh_from_db()

    assert group.name == "Lawyers"
    assert not group.permissions.exists()


@pytest.mark.parametrize("administrator", [True, False])
def test_a_helper_gets_no_key_of_staff(client: Client, helper: User, administrator: bool) -> None:
    names = ["add_apikey", "change_apikey", "view_apikey"]
    helper.user_permissions.add(*Permission.objects.filter(codename__in=names))
    other = User.objects.create_user("other", is_staff=True, is_superuser=administrator)
    add = reverse("admin:conversations_apikey_add")
    for owner, made in ((other, 0), (User.objects.create_user("person"), 1), (helper, 1)):
        client.post(add, {"name": "key", "owner": owner.pk, "scopes": ["chat"]})
        assert APIKey.objects.filter(owner=owner).count() == made
    key, _ = key_create(owner=other.pk, by=other.pk, name="key", scopes=["chat"])
    form = {"name": "new", "scopes": ["chat", "usage"], "rotate": "1"}
    answer = client.post(reverse("admin:conversations_apikey_change", args=[key.pk]), form)
    assert answer.status_code == 403
    assert key.secrets.count() == 1

    ended = {"action": "revoke_all", "_selected_action": [key.pk]}
    client.post(reverse("admin:conversations_apikey_changelist"), ended)
    key.refresh_from_db()
    assert key.revoked_at


def test_an_administrator_gives_rights(admin_client: Client) -> None:
    now = changed(admin_client, User.objects.create_user("person"))

    assert (now.is_staff, now.is_superuser) == (True, True)
    assert now.groups.get().name == "All"
