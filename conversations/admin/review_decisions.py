"""Review decisions: each is one transaction that also enqueues the change of Redis (outbox)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from conversations.adapters.answer_cache.entries import curated_id
from conversations.adapters.background.outbox import Kind, enqueue
from conversations.feedback.reviews import answer_replaced
from conversations.models import AnswerReview, CuratedAnswer


@transaction.atomic
def review_decide(*, subject: UUID, state: str, by: int) -> None:
    """Decide a review: ``state`` is one of ``AnswerReview`` and holds until newer verdicts count against
    it."""
    review = AnswerReview.objects.select_for_update().get(pk=subject)
    review.state, review.review = state, AnswerReview.Review.DECIDED
    review.decided_at, review.decided_by_id = timezone.now(), by
    review.save()
    enqueue(Kind.STANDING, [subject])
    if state == AnswerReview.State.WITHDRAWN:
        enqueue(Kind.FORGET_ANSWER if review.source_id else Kind.FORGET_ENTRY, [subject])


@transaction.atomic
def answer_curate(*, subject: UUID, question: str, answer: str, by: int) -> CuratedAnswer:
    """Publish a curated answer to a question, in place of the reviewed one."""
    review = AnswerReview.objects.select_for_update().get(pk=subject)
    curated, _ = CuratedAnswer.objects.update_or_create(
        entry=curated_id(question),
        defaults={
            "question": question, "answer": answer, "source": review.source, "author_id": by,
        },
    )  # fmt: skip
    # Verdicts so far are about the old text: they must not count against the new one.
    answer_replaced(subject=curated.pk, by=by)
    if subject != curated.pk:
        review_decide(subject=subject, state=AnswerReview.State.WITHDRAWN, by=by)
    enqueue(Kind.CURATE, [curated.pk])
    return curated
