"""The audit log has every act of consequence, names people by pseudonyms, and cannot be changed."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from conversations.domain.actor import Actor, acting, network_of
from conversations.models import AppendOnly, AuditEntry, AuditPerson, Limit
from conversations.storage.api_keys import key_change, key_create, key_revoke, key_rotate
from conversations.storage.audit import audit, audit_objects, audit_purge
from conversations.storage.erasure import erase_batch, erasure_begin
from routing.models import LLMModel, Rule
from routing.publishing.default_rules import seed_defaults
from routing.publishing.services import ruleset_publish
from routing.publishing.yaml_files import document_of_tables, write_tables
from tests.storage.conftest import person  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


def acts() -> list[str]:
    """What was noted in this test, in order."""
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


@pytest.fixture(autouse=True)
def since() -> int:
    """The end of the log before the test: nothing empties it."""
    return AuditEntry.objects.count()


@pytest.fixture
def acted(since: int) -> Any:
    """The actions since the begin of the test."""
    return lambda: [each for each in acts()[since:] if each != "account.created"]


def test_rows_that_a_file_leaves_out_are_noted() -> None:
    seed_defaults()
    document = document_of_tables()
    rule = Rule.objects.create(name="extra", instruction="Extra.", action="refuse")
    model = LLMModel.objects.create(name="extra", litellm_name="x/y", provider="x")
    write_tables(document, delete=False)
    for kind, row in (("rule", rule), ("model", model)):
        noted = AuditEntry.objects.filter(action=f"{kind}.changed", subject=row.pk).get()
        assert noted.details["changed"]["enabled"] == [True, False]
    assert Rule.objects.get(name="extra").revision == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.save(),
        lambda row: row.delete(),
        lambda row: AuditEntry.objects.filter(pk=row.pk).update(action="nothing"),
        lambda row: AuditEntry.objects.filter(pk=row.pk).delete(),
        lambda row: AuditEntry.objects.bulk_update([row], ["action"]),
    ],
)
def test_the_model_refuses_changes(change: Any) -> None:
    audit("tried")
    row = AuditEntry.objects.latest("pk")
    with pytest.raises(AppendOnly):
        change(row)


@pytest.mark.parametrize("verb", ["UPDATE {0} SET action = 'nothing'", "DELETE FROM {0}"])
def test_the_database_refuses_changes(verb: str) -> None:
    audit("tried")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(verb.format(AuditEntry._meta.db_table))
    assert AuditEntry.objects.latest("pk").action == "tried"


def test_rules_models_and_releases(acted: Any) -> None:
    seed_defaults()
    before = len(acted())
    rule = Rule.objects.get(name="general")
    rule.priority += 1
    rule.save()
    LLMModel.objects.get(name="gpt").save()  # nothing changed
    ruleset_publish()
    changed, released = AuditEntry.objects.order_by("pk")[acts_from(acted, before) :]

    assert (changed.action, changed.name) == ("rule.changed", "general")
    assert changed.details == {"changed": {"priority": [rule.priority - 1, rule.priority]}}
    assert released.action == "release.created"


def acts_from(acted: Any, count: int) -> int:
    return len(acts()) - len(acted()) + count


def test_keys_and_limits_without_a_secret(person: User, acted: Any) -> None:  # noqa: F811
    key, secret = key_create(owner=person.pk, by=person.pk, name="Anna's laptop", scopes=["chat"])
    key_change(key=key, by=person.pk, fields={"scopes": ["images"], "name": "other"})
    _, other = key_rotate(key=key, by=person.pk, overlap_hours=1)
    key_revoke(key=key, by=person.pk)
    limit = Limit.objects.create(scope="key", key=key, unit="requests", window="day", amount=3)
    limit.amount = 4
    limit.save()
    limit.delete()

    assert acted() == [
        "key.created", "key_secret.created", "key.changed", "key_secret.created", "key.rotated",
        "key.revoked", "limit.created", "limit.changed", "limit.deleted",
    ]  # fmt: skip
    told = orjson.dumps(list(audit_objects(AuditEntry.objects.all()))).decode()
    assert secret not in told
    assert other not in told
    assert "Anna's laptop" not in told
    changed = AuditEntry.objects.filter(action="key.changed").earliest("pk").details["changed"]
    assert changed == {"scopes": ["['chat']", "['images']"], "name": "changed"}


def test_roles_groups_and_passwords(person: User, acted: Any) -> None:  # noqa: F811
    group = Group.objects.create(name="Auditors of the test")
    person.groups.add(group)
    person.groups.remove(group)
    group.user_set.add(person)
    person.is_staff = True
    person.set_password("another one")
    person.save()

    assert acted() == [
        "group.created", *["account.groups_changed"] * 3, "account.changed",
    ]  # fmt: skip
    details = AuditEntry.objects.latest("pk").details["changed"]
    assert details == {"password": "changed", "is_staff": [False, True]}


def test_the_actor_is_that_of_the_context(person: User) -> None:  # noqa: F811
    token = acting.set(lambda: Actor(person.pk, None, network_of("203.0.113.77")))
    try:
        audit("tried")
    finally:
        acting.reset(token)
    row = AuditEntry.objects.latest("pk")

    assert row.actor
    assert AuditPerson.objects.get(pk=row.actor).name == person.username
    assert row.network == "203.0.113.0/24"
    assert network_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert network_of("no address") == ""


def test_an_erasure_keeps_the_entries_and_forgets_the_name(person: User) -> None:  # noqa: F811
    User.objects.create_superuser("root")
    key_create(owner=person.pk, by=person.pk, name="a", scopes=["chat"])
    row = AuditEntry.objects.filter(action="key.created").latest("pk")
    count, name, user = AuditEntry.objects.count(), person.username, person.pk
    erasure_begin([user])
    while erase_batch(user=user):
        pass
    told = list(audit_objects(AuditEntry.objects.all()))

    assert AuditEntry.objects.count() > count
    assert "account.erasure_begun" in acts()
    assert "account.deleted" in acts()
    assert not AuditPerson.objects.filter(user=user).exists()
    assert name not in orjson.dumps(told).decode()
    assert next(each for each in told if each["id"] == row.pk)["person"]["id"] == str(row.person)


def test_the_command_exports_and_purges() -> None:
    audit("tried", name="öne")
    out = io.StringIO()
    call_command("audit_log", action="tried", stdout=out)
    last = orjson.loads(out.getvalue().splitlines()[-1])

    assert (last["action"], last["name"]) == ("tried", "öne")
    assert acts()[-1] == "audit_log.exported"
    audit_purge(timezone.now() + timedelta(seconds=1))
    assert acts() == ["audit_log.purged"]
    test_the_database_refuses_changes("DELETE FROM {0}")
