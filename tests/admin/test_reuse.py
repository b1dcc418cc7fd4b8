"""Answers used again: figures with their intervals, charts, and a page that never fails."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse


pytestmark = pytest.mark.django_db


def test_the_page_without_a_single_answer(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:conversations_reuse_changelist"))
    assert page.status_code == 200
    said = page.content.decode()
    assert "no reuse was audited yet" in said
    assert "not measured" in said


