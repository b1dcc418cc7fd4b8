"""The first settings of keys that members make."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import GroupPolicy
from routing.models import Rule
from tests.admin.forms import change, faults
from tests.groups.conftest import MakeGroup, program_of
from tests.live_site import LiveSite

KEYS = "/api/v1/keys/"


def made(http: Any, **fields: Any) -> dict[str, Any]:
    answer = http.post(KEYS, json={"name": "a program", **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def days_left(key: dict[str, Any]) -> int:
    left = datetime.fromisoformat(key["expires_at"]) - timezone.now()
    return round(left / timedelta(days=1))


def test_a_new_key_has_what_the_groups_give(site: LiveSite, group: MakeGroup) -> None:
    person = site.person()
    group(person, key_scopes=["chat"], key_models=["gpt-mini"], key_days=7)
    group(person, key_scopes=["feedback"], key_models=["assistant"], key_days=30)

    key = made(person.http)
    assert key["scopes"] == ["chat", "feedback"]
    assert key["models"] == ["assistant", "gpt-mini"]
    assert days_left(key) == 30


def test_what_is_asked_for_counts_more(site: LiveSite, group: MakeGroup) -> None:
    person = site.person()
    group(person, key_scopes=["chat"], key_models=["gpt-mini"], key_days=7)

    key = made(person.http, scopes=["usage"], models=None, expires_at=None)
    assert (key["scopes"], key["models"], key["expires_at"]) == (["usage"], None, None)


def test_a_key_that_makes_keys_gives_no_more_than_it_has(site: LiveSite, group: MakeGroup) -> None:
    person = site.person()
    group(person, key_scopes=["chat", "keys", "usage"], key_models=["gpt-mini"], key_days=30)
    end = timezone.now() + timedelta(days=2)
    limited = program_of(
        site, person, scopes=["chat", "keys"], model_names=["gpt-mini", "gpt"], expires_at=end
    )

    key = made(limited)
    assert key["scopes"] == ["chat", "keys"]
    assert key["models"] == ["gpt-mini"]
    assert days_left(key) == 2


PREFIX = {"policy-TOTAL_FORMS": "1", "policy-INITIAL_FORMS": "0", "name": "Pupils"}


def saved(client: Client, **fields: Any) -> Any:
    path = reverse("admin:auth_group_add")
    named = {f"policy-0-{name}": value for name, value in fields.items()}
    return client.post(path, {**PREFIX, **named}, follow=True)


def test_the_page_of_a_group_checks_names(admin_client: Client, site: LiveSite) -> None:
    texts = {
        "There is no model “gtp”.": {"allowed_models": "gtp"},
        "Name a model of the kind chat": {"allowed_models": "gpt-image"},
        "There is no rule “cod”.": {"allowed_rules": "cod"},
    }
    for text, fields in texts.items():
        assert text in saved(admin_client, **fields).content.decode()
    assert not Group.objects.filter(name="Pupils").exists()

    saved(
        admin_client,
        allowed_models="gpt-mini\nall-minilm-l6-v2-int8",
        allowed_rules="code",
        key_scopes=["chat"],
        key_days="30",
    )
    policy = GroupPolicy.objects.get(group__name="Pupils")
    assert policy.allowed_models == ["gpt-mini", "all-minilm-l6-v2-int8"]
    assert (policy.allowed_rules, policy.key_scopes) == (["code"], ["chat"])
    assert (policy.key_models, policy.key_days) == (None, 30)


def test_a_rule_names_groups_that_exist(admin_client: Client, site: LiveSite) -> None:
    rule = Rule.objects.get(name="code")
    page = change(admin_client, rule, groups="Nobodys")
    assert "There is no group “Nobodys”." in faults(page, "groups")
    page = change(admin_client, Rule.objects.get(is_default=True), groups="Auditors")
    assert "The default rule is for everybody." in faults(page, "groups")


def test_who_may_not_change_groups_sees_their_policy_alone(
    client: Client, group: MakeGroup, site: LiveSite
) -> None:
    reader = User.objects.create_user("a reader of groups", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_group"))
    made = group(allowed_models=["gpt-mini"])
    client.force_login(reader)
    path = reverse("admin:auth_group_change", args=[made.pk])
    assert "gpt-mini" in client.get(path).content.decode()
    assert client.post(path, PREFIX).status_code == 403
    reader.delete()
