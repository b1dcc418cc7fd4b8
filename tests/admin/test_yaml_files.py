"""The draft and versions as files, taken away and brought back by hand."""

from __future__ import annotations

from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from routing.models import Rule
from routing.publishing.yaml_files import document_of_tables
from tests.admin.forms import change, latest

pytestmark = pytest.mark.usefixtures("published")

EXPORT, IMPORT = "admin:routing_export", "admin:routing_import"


def sent(client: Client, text: str, **fields: str) -> str:
    """The page after a document was pasted."""
    page = client.post(reverse(IMPORT), {"text": text, **fields}, follow=True)
    return unescape(page.content.decode())


def changed() -> str:
    """The draft's document with another priority for the rule on code."""
    return document_of_tables().yaml().replace("priority: 50", "priority: 51")


def _without_a_reason() -> str:
    refusal = Rule.objects.filter(name="not-allowed")
    reason = refusal.get().refusal_reason
    refusal.update(refusal_reason=" ")
    text = document_of_tables().yaml()
    refusal.update(refusal_reason=reason)
    return text


def test_the_draft_is_a_file(admin_client: Client) -> None:
    Rule.objects.filter(name="code").update(priority=77)
    file = admin_client.get(reverse(EXPORT))
    assert file.headers["Content-Disposition"] == 'attachment; filename="rules.yaml"'
    assert file.content.decode() == document_of_tables().yaml()
    assert "priority: 77" in file.content.decode()


def test_a_version_is_a_file(admin_client: Client) -> None:
    Rule.objects.filter(name="code").update(priority=77)
    file = admin_client.get(reverse("admin:routing_export_version", args=[1]))
    assert file.headers["Content-Disposition"] == 'attachment; filename="rules-1.yaml"'
    assert "priority: 50" in file.content.decode()
    missing = admin_client.get(reverse("admin:routing_export_version", args=[9]))
    assert missing.status_code == 404


def test_a_draft_that_no_file_can_hold_is_told(admin_client: Client) -> None:
    Rule.objects.filter(name="code").update(fallbacks=[7])
    page = admin_client.get(reverse(EXPORT), follow=True)
    assert "Not exported: " in page.content.decode()


def test_a_document_is_shown_before_it_is_taken(admin_client: Client) -> None:
    before, text = document_of_tables(), changed()
    page = sent(admin_client, text)
    assert "priority 50 → 51" in page
    assert text in page, "the second click sends what was shown"
    assert document_of_tables() == before

    page = sent(admin_client, text, _take="")
    assert "Imported into the draft: nothing live has changed." in page
    assert "The draft holds 1 unpublished change:" in page
    assert document_of_tables().yaml() == text
    assert latest().number == 1


def test_a_file_is_read_as_its_text_is(admin_client: Client) -> None:
    file = SimpleUploadedFile("rules.yaml", changed().encode())
    page = admin_client.post(reverse(IMPORT), {"file": file}).content.decode()
    assert "priority 50 → 51" in page
    file = SimpleUploadedFile("rules.yaml", b"\xff\xfe")
    page = admin_client.post(reverse(IMPORT), {"file": file}).content.decode()
    assert "The file is not UTF-8." in page
    assert "Choose a file, or paste its text." in sent(admin_client, "")


def test_what_could_not_be_published_is_told_beforehand(admin_client: Client) -> None:
    text = _without_a_reason()
    page = sent(admin_client, text)
    assert "It could not be published yet:" in page
    assert "refuses without a reason to give" in page


@pytest.mark.parametrize("step", [{}, {"_take": ""}])
def test_a_refused_document_loses_nothing(admin_client: Client, step: dict[str, str]) -> None:
    change(admin_client, Rule.objects.get(name="code"), priority="21", _draft="")
    before = document_of_tables()
    text = before.yaml().replace("action: image", "action: dance")
    page = sent(admin_client, text, **step)
    assert "The document can't be imported:" in page
    assert "action: Input should be" in page
    assert "action: dance" in page, "what was pasted is still there to be put right"
    assert document_of_tables() == before
    assert latest().number == 1


def test_only_those_who_may_change_all_of_it_bring_documents(client: Client) -> None:
    auditor = User.objects.create_user("auditor", is_staff=True)
    auditor.groups.add(Group.objects.get(name="Auditors"))
    client.force_login(auditor)
    assert client.post(reverse(IMPORT), {"text": changed(), "_take": ""}).status_code == 403
    assert client.get(reverse(EXPORT)).status_code == 200
