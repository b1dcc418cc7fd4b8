"""Reused answers: figures with their intervals, rows with their words, and a page that never fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from conversations.models import DailyCost, DailyLink, Reuse
from conversations.stats.link_records import LINK
from tests.admin.conftest import make_exchange

pytestmark = pytest.mark.django_db
NOTHING = ("\N{EN DASH}", "\N{EN DASH}")


def test_the_page_without_a_single_answer(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:conversations_reuse_changelist"))
    assert page.status_code == 200
    said = page.content.decode()
    assert "no reuse was audited yet" in said
    assert "not measured" in said


def test_the_page_tells_comparisons_calls_and_money(admin_client: Client) -> None:
    today = datetime.now(UTC).date()
    for outcome, count in (("same", 3), ("different", 5), ("conflict", 1), ("unpaid", 7)):
        DailyLink.objects.create(day=today, outcome=outcome, count=count)
    DailyCost.objects.create(
        day=today, purpose=LINK, model="small", calls=8, cost_usd="0.0123", unpriced=2
    )
    page = admin_client.get(reverse("admin:conversations_reuse_changelist")).content.decode()
    assert "<b>9</b>" in page
    assert "3 say the same as another, 8 calls for $0.0123 and 2 of unknown cost" in page
    assert "$0.0323 today, 7 not compared" in page


def test_a_row_shows_question_and_answer_and_leads_to_the_message(
    admin_client: Client, person: User
) -> None:
    answer = make_exchange(person, "Because <i>so</i>.")
    Reuse.objects.create(message=answer, served=True, shared=True, probability=0.97, cut=0.9)
    page = admin_client.get(reverse("admin:conversations_reuse_changelist")).content.decode()
    assert "Why is &lt;b&gt;that&lt;/b&gt; so?</a>" in page
    link = reverse("admin:conversations_message_change", args=[answer.pk])
    assert f'href="{link}">Because &lt;i&gt;so' in page
    assert "all users" in page
    found = admin_client.get(reverse("admin:conversations_reuse_changelist"), {"q": "Because"})
    assert link in found.content.decode()


def test_precision_is_told_by_situation(admin_client: Client, person: User) -> None:
    for situation, audited in (("alone", True), ("alone", False), ("long", True)):
        Reuse.objects.create(
            message=make_exchange(person, "So."),
            served=True,
            shared=True,
            probability=0.97,
            cut=0.9,
            situation=situation,
            audited=audited,
        )
    page = admin_client.get(reverse("admin:conversations_reuse_changelist")).content.decode()
    table = page.partition("Right, by situation")[2].partition("</table>")[0]
    rows = [row.split() for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", table)]
    told = [re.sub(r"<[^>]*>", " ", " ".join(row)).split() for row in rows]
    assert told == [
        ["few", "neighbours", "50.0", "%", "9.5", "to", "90.5", "%", "2"],
        ["enough", "neighbours", *NOTHING, "0"],
        ["long", "question", "100.0", "%", "20.7", "to", "100.0", "%", "1"],
        ["other", "language", *NOTHING, "0"],
    ]
