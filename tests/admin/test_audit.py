"""The audit log in the admin: who looked at whose conversation, filters, the export, and nothing to change."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from conversations.domain.api_keys import DEFAULT_SCOPES
from conversations.models import AuditEntry, AuditPerson
from conversations.storage.api_keys import key_create
from conversations.storage.audit import audit
from tests.admin.conftest import make_exchange, make_picture

PAGE = "/admin/conversations/auditentry/"


def last() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


def body(response: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in b"".join(response).splitlines()]


def test_a_look_at_a_conversation_is_noted(admin_client: Client, person: User) -> None:
    answer = make_exchange(person)
    for name, row in (("conversation", answer.conversation), ("message", answer)):
        url = reverse(f"admin:conversations_{name}_change", args=[row.pk])
        assert admin_client.get(url).status_code == 200
        noted = last()
        assert (noted.action, noted.subject) == (f"{name}.viewed", str(row.pk))
        assert noted.actor
        assert noted.person
        assert AuditPerson.objects.get(pk=noted.person).name == person.username
        assert AuditPerson.objects.get(pk=noted.actor).name == "admin"
        assert noted.network == "127.0.0.0/24"
    admin_client.get(reverse("admin:conversations_message_changelist"), {"q": "secret words"})
    assert (last().action, last().details) == ("message.listed", {"filters": ["q"]})


@pytest.mark.parametrize(
    "page", ["message", "conversation", "generatedimage", "feedback", "answerreview", "reuse", "vectoraudit", "shadowdecision"]
)  # fmt: skip
def test_a_look_at_a_list_of_peoples_words_is_noted(admin_client: Client, page: str) -> None:
    url = reverse(f"admin:conversations_{page}_changelist")
    assert admin_client.get(url, {"q": "secret words"}).status_code in {200, 302}
    assert admin_client.get(url).status_code == 200

    assert last().action == f"{page}.listed"
    assert "secret" not in str([entry.details for entry in AuditEntry.objects.all()])


def test_a_list_of_entries_asks_for_their_names_at_once(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    names = [f"person{at}" for at in range(30)]
    for name in names:
        account = User.objects.create_user(name, is_staff=True)
        audit("key.created", account, actor=account.pk, person=account.pk)
    with django_assert_max_num_queries(10):
        page = admin_client.get(PAGE).content.decode()

    assert all(f">{name}<" in page for name in names)


def test_a_look_at_a_picture_is_noted(admin_client: Client, person: User) -> None:
    row = make_picture(person, b"\x89PNG bytes")
    assert admin_client.get(reverse("admin:conversations_picture", args=[row.pk])).content
    noted = last()

    assert (noted.action, noted.subject) == ("generatedimage.viewed", str(row.pk))
    assert noted.person
    assert AuditPerson.objects.get(pk=noted.person).name == person.username


def test_a_list_of_values_is_told_by_its_values(person: User) -> None:
    key_create(owner=person.pk, by=person.pk, name="one", scopes=list(DEFAULT_SCOPES))
    created = AuditEntry.objects.filter(action="key.created").latest("pk")

    assert created.details["set"]["scopes"] == "['chat', 'images', 'embeddings']"


def test_sign_ins_of_staff_are_noted(client: Client, person: User) -> None:
    User.objects.create_user("clerk", password="correct horse battery", is_staff=True)
    count = AuditEntry.objects.count()
    for name, password in (
        ("clerk", "wrong"),
        ("nobody", "wrong"),
        ("clerk", "correct horse battery"),
    ):
        client.post("/admin/login/", {"username": name, "password": password})
    noted = AuditEntry.objects.order_by("pk")[count:]

    assert [row.action for row in noted] == ["sign_in.failed", "sign_in.succeeded"]
    assert "correct horse battery" not in str([row.details for row in noted])


def test_the_page_filters_and_exports(admin_client: Client, person: User) -> None:
    answer = make_exchange(person)
    admin_client.get(reverse("admin:conversations_message_change", args=[answer.pk]))
    listed = admin_client.get(PAGE, {"action": "message.viewed"}).content.decode()
    exported = admin_client.get(
        f"{PAGE}export/", {"action": "message.viewed", "q": person.username}
    )
    rows = body(exported)

    assert str(answer.pk) in listed
    assert exported["content-type"] == "application/x-ndjson"
    assert {row["action"] for row in rows} == {"message.viewed"}
    assert rows[-1]["person"]["name"] == person.username
    assert AuditEntry.objects.filter(action="audit_log.exported").exists()


def test_nobody_changes_it_and_few_read_it(
    admin_client: Client, client: Client, person: User
) -> None:
    make_exchange(person)
    admin_client.get(PAGE)
    row = last() if AuditEntry.objects.exists() else None
    if row:
        assert admin_client.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"{PAGE}add/").status_code == 403
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(PAGE).status_code == 403
    assert client.get(f"{PAGE}export/").status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize("query", [{"action": "x" * 500}, {"q": "\x00"}, {"at_from": "soon"}])
def test_odd_filters_are_no_crash(admin_client: Client, query: dict[str, str]) -> None:
    assert admin_client.get(PAGE, query).status_code in {200, 302}
