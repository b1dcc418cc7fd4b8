"""What the database knows of reuse: labels move the cut, audits tell the precision, bills the judge's
worth."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from conversations.admin.reuse import reuse_context
from conversations.engine.types import CacheFacts
from conversations.feedback.reuse_records import (
    JudgeBill,
    LookupOutcome,
    calibration,
    calibration_state,
    days,
    economy,
    judge_bill,
    precision,
    reuse_audit,
    reuse_record,
)
from conversations.models import Feedback, ModelPerformance, Reuse, new_id
from conversations.storage import turns
from tests.storage.conftest import Ask, ended

pytestmark = pytest.mark.django_db


def weigh(ask: Ask, **fields: Any) -> LookupOutcome:
    """An answer served by its meaning."""
    begun = ask()
    turns.answer_finish(
        message=begun.message, outcome=ended(cache=CacheFacts("semantic", 0.9, new_id()))
    )
    values: dict[str, Any] = {
        "message": begun.message, "served": True, "shared": True, "probability": 0.95, "cut": 0.9, **fields
    }  # fmt: skip
    weighed = LookupOutcome(**values)
    reuse_record(outcome=weighed)
    return weighed


def audit(weighed: LookupOutcome, *, right: bool) -> None:
    reuse_audit(message=weighed.message, right=right, cost_usd=Decimal("0.0002"), milliseconds=300)


def test_what_is_gone_is_not_recorded() -> None:
    reuse_record(outcome=LookupOutcome(new_id(), True, True, 0.9, 0.9))
    assert not Reuse.objects.exists()


def test_audits_move_the_cut_of_their_scope_alone(ask: Ask) -> None:
    for _ in range(20):
        audit(weigh(ask), right=False)
    assert calibration(shared=True).probability(0.95) < 0.9
    assert calibration(shared=False).probability(0.95) == pytest.approx(0.95)


def test_a_persons_word_counts_before_an_audits(ask: Ask, person: User) -> None:
    weighed = weigh(ask)
    audit(weighed, right=True)
    Feedback.objects.create(message_id=weighed.message, user=person, verdict="bad")
    assert calibration(shared=True).probability(0.95) < 0.95


def test_precision_is_of_what_was_audited(ask: Ask) -> None:
    for right in (True, True, False):
        audit(weigh(ask), right=right)
    weigh(ask)
    since = timezone.now() - timedelta(days=1)
    found = precision(shared=True, since=since)
    assert (found.known, found.right) == (3, 2)
    assert precision(shared=False, since=since).share is None
    (today,) = days(since=since)
    assert (today.lookups, today.semantic, today.audited, today.right) == (4, 4, 3, 2)
    assert today.exact + today.semantic == today.lookups


def pay(cost_usd: str) -> None:
    """Ten answers for as much."""
    ModelPerformance.objects.create(
        day=timezone.now().date(),
        model="gpt",
        answers=10,
        cost_usd=Decimal(cost_usd),
        total_ms_sum=30_000,
    )


def test_the_judge_pays_only_where_it_was_measured_to(ask: Ask) -> None:
    assert not economy().judge_pays
    pay("0.1")
    assert not economy().judge_pays
    audit(weigh(ask), right=True)
    assert economy().judge_pays
    assert calibration_state().judge_pays
    bill = judge_bill(since=timezone.now() - timedelta(days=1))
    assert bill.usd == pytest.approx(0.0002)
    assert bill.unknown == 0


def test_the_bill_of_a_judge_without_a_price_is_unknown(ask: Ask) -> None:
    since = timezone.now() - timedelta(days=1)
    assert judge_bill(since=since) == JudgeBill(0.0, 0)
    audit(weigh(ask), right=True)
    Reuse.objects.update(judge_cost_usd=None)

    assert judge_bill(since=since) == JudgeBill(None, 1)
    assert reuse_context()["saved"]["usd"] is None


def test_a_judge_that_costs_more_than_an_answer_does_not_pay(ask: Ask) -> None:
    pay("0.001")
    audit(weigh(ask), right=True)
    assert not economy().judge_pays
