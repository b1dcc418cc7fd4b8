"""Decisions by earlier verdicts: figures with their interval, and audits with their questions."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.models import DailyCost, VectorAudit
from tests.admin.conftest import make_exchange

pytestmark = pytest.mark.django_db

PAGE = "admin:conversations_vectoraudit_changelist"


def test_the_page_without_a_single_audit(admin_client: Client) -> None:
    page = admin_client.get(reverse(PAGE))

    assert page.status_code == 200
    assert "none was compared with the classifier yet" in page.content.decode()


def test_audits_show_their_question_and_make_the_precision(
    admin_client: Client, person: User
) -> None:
    answer = make_exchange(person, "Because.")
    audit = {
        "offer": "a", "decided": False, "sure": True, "probability": 0.98, "cut": 0.97, "verdicts": 8,
        "rule": "general", "cost_usd": Decimal("0.001"), "milliseconds": 600,
    }  # fmt: skip
    VectorAudit.objects.create(message=answer, right=True, classified_as="general", **audit)
    VectorAudit.objects.create(right=False, classified_as="code", **audit)
    DailyCost.objects.create(day=timezone.now().date(), purpose="audit", cost_usd=Decimal("0.25"))
    page = admin_client.get(reverse(PAGE)).content.decode()

    assert "50.0 %" in page
    assert "of 2 compared" in page
    assert "checks cost $0.2500" in page
    assert "Why is &lt;b&gt;that&lt;/b&gt; so?</a>" in page
    assert "(of a chat that is not kept)" in page
