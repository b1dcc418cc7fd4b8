"""Answers used again: figures with their intervals, charts, and a page that never fails."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from conversations.admin.reuse import HEIGHT, bars
from conversations.feedback.reuse_records import Day

pytestmark = pytest.mark.django_db


def test_the_page_without_a_single_answer(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:conversations_reuse_changelist"))
    assert page.status_code == 200
    said = page.content.decode()
    assert "no reuse was audited yet" in said
    assert "not measured" in said


def test_bars_stand_on_each_other_and_precision_has_its_interval() -> None:
    day = Day(date(2026, 11, 1), lookups=100, exact=10, semantic=30, audited=20, right=20)
    none = Day(date(2026, 11, 2), lookups=0, exact=0, semantic=0, audited=0, right=0)
    first, second = bars([day, none])
    assert first["semantic_y"] + first["semantic_height"] == HEIGHT
    assert first["exact_y"] + first["exact_height"] == first["semantic_y"]
    assert first["right_y"] == first["best_y"] == 0
    assert 0 < first["worst_y"] < HEIGHT
    assert second["right_y"] is None
    assert second["x"] > first["x"]
