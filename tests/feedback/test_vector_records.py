"""Records of decisions by earlier verdicts: what their audits teach, and the savings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from conversations.feedback.vector_records import (
    KEPT_DAYS,
    Audit,
    audit_record,
    decision_state,
    decision_sums,
)
from conversations.models import Conversation, Message, VectorAudit, new_id

pytestmark = pytest.mark.django_db

CONFIRMED = Audit(
    message=None,
    offer="a",
    decided=False,
    sure=True,
    right=True,
    probability=0.98,
    cut=0.97,
    verdicts=8,
    rule="general",
    classified_as="general",
    cost_usd=Decimal("0.001"),
    milliseconds=600,
)
OTHER = replace(CONFIRMED, right=False, classified_as="code")


@pytest.fixture
def answer(django_user_model: type[User]) -> Callable[[str], Message]:
    person = django_user_model.objects.create_user("ada")
    conversation = Conversation.objects.create(owner=person)

    def make(source: str) -> Message:
        return Message.objects.create(
            conversation=conversation,
            role="assistant",
            status="complete",
            content="x",
            source=source,
        )

    return make


def test_audits_make_the_precision_of_the_rules_that_they_were_made_under() -> None:
    for audit in (
        CONFIRMED,
        CONFIRMED,
        OTHER,
        replace(OTHER, sure=False),
        replace(CONFIRMED, offer="b"),
    ):
        audit_record(audit=audit)
    state = decision_state()

    assert {offer: (one.known, one.right) for offer, one in state.audits.items()} == {
        "a": (3, 2),
        "b": (1, 1),
    }
    assert state.calibration.labels == 5


def test_wrong_audits_make_the_same_estimate_less_probable() -> None:
    before = decision_state().calibration.probability(0.98)
    for _ in range(40):
        audit_record(audit=OTHER)

    assert before == pytest.approx(0.98)
    assert decision_state().calibration.probability(0.98) < before


def test_an_audit_of_a_deleted_answer_is_not_kept_and_old_ones_go(
    answer: Callable[[str], Message],
) -> None:
    kept = answer("vector")
    audit_record(audit=replace(CONFIRMED, message=kept.pk))
    audit_record(audit=replace(CONFIRMED, message=new_id()))
    assert VectorAudit.objects.get().message == kept

    VectorAudit.objects.update(created_at=timezone.now() - timedelta(days=KEPT_DAYS + 1))
    audit_record(audit=CONFIRMED)
    assert VectorAudit.objects.get().message is None

    VectorAudit.objects.update(message=kept)
    kept.delete()
    assert not VectorAudit.objects.exists()


def test_savings_are_the_calls_not_made_less_the_audits(answer: Callable[[str], Message]) -> None:
    since = timezone.now() - timedelta(days=1)
    assert decision_sums(since=since, audits_usd=0.002).saved_usd is None
    for source in ("vector", "vector", "vector", "classifier", "cache"):
        answer(source)
    audit_record(audit=CONFIRMED)
    audit_record(audit=replace(OTHER, cost_usd=Decimal("0.003")))
    sums = decision_sums(since=since, audits_usd=0.002)

    assert (sums.decided, sums.share) == (3, 0.75)
    assert (sums.precision.known, sums.precision.right) == (2, 1)
    assert sums.saved_usd == pytest.approx(3 * 0.002 - 0.002)
    assert sums.saved_seconds == pytest.approx(1.8)
