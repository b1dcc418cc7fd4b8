"""Review queue: verdicts quarantine stored answers, decisions of people bring them back or withdraw them.

Functions are keyword-only, each one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from conversations.domain.entry_ids import EntryIds
from conversations.feedback.weights import PersonalVerdict, VerdictWeights, weigh_verdicts
from conversations.models import AnswerReview, Feedback, Message

MOST_PEOPLE = 500
"""People whose verdicts on one answer are weighed, the latest."""

# Before each hit, so it is one statement, which the ORM need not compile anew each time.
_GONE = "NOT EXISTS (SELECT 1 FROM conversations_message WHERE id = %s) OR"
_WITHHELD = """
EXISTS (SELECT 1 FROM conversations_answerreview WHERE subject = %s AND state <> 'live')
OR EXISTS (
  -- From the person's few verdicts on: a popular answer was given in very many messages.
  SELECT 1 FROM conversations_feedback verdict
  WHERE verdict.user_id = %s AND verdict.verdict = 'bad'
    AND EXISTS (
      SELECT 1 FROM conversations_message rated
      WHERE rated.id = verdict.message_id AND (rated.id = %s OR rated.cache_entry IN (%s, %s))
    )
    AND NOT EXISTS (
      SELECT 1 FROM conversations_answerreview
      WHERE subject = %s AND replaced_at >= verdict.updated_at
    )
)
"""


def entry_ids() -> EntryIds:
    """The ids of entries on this site."""
    return EntryIds(settings.SECRET_KEY)


def subject_of(message: Message) -> UUID:
    """The subject of a verdict on this answer: the stored answer that was served, or the answer itself."""
    entry = message.cache_entry
    return message.id if entry is None else entry_ids().message(entry) or entry


def served_as(subject: UUID, prefix: str = "") -> Q:
    """The answers that gave this one, the first of them too. ``prefix`` leads to the message."""
    entries = entry_ids().both(subject) if subject.version == 7 else (subject,)
    return Q(**{f"{prefix}pk": subject}) | Q(**{f"{prefix}cache_entry__in": entries})


def entry_withheld(*, entry: UUID, user: int) -> bool:
    """Visibility of a stored answer: a bad verdict withholds it from its person; quarantine, withdrawal and
    the deletion of its message withhold it from all people."""
    source = entry_ids().message(entry)
    subject = source or entry
    own, shared = entry_ids().both(source) if source else (entry, entry)
    parameters = [subject, user, subject, own, shared, subject]
    uuid = AnswerReview._meta.get_field("subject")  # noqa: SLF001 - Django's documented name
    values: list[Any] = [
        uuid.get_db_prep_value(value, connection) if isinstance(value, UUID) else value
        for value in ([source, *parameters] if source else parameters)
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_GONE if source else ''} {_WITHHELD}", values)
        return bool(cursor.fetchone()[0])


def _verdicts_of(subject: UUID, *, since: datetime | None) -> QuerySet[Feedback]:
    # All verdicts on an answer. The messages that gave it are selected first: over both tables at
    # once neither one's index helps.
    messages = Message.objects.filter(served_as(subject)).order_by().values("pk")
    verdicts = Feedback.objects.filter(message__in=messages)
    return verdicts.filter(updated_at__gt=since) if since else verdicts


@transaction.atomic
def answer_replaced(*, subject: UUID, by: int | None = None) -> None:
    """Settle all verdicts on an answer after its text was replaced."""
    now = timezone.now()
    review = AnswerReview.objects.select_for_update().filter(pk=subject).first()
    review = review or AnswerReview(subject=subject)
    review.state, review.review = AnswerReview.State.LIVE, AnswerReview.Review.DECIDED
    review.decided_at = review.replaced_at = now
    review.decided_by_id = by
    review.good = review.bad = review.penalty = review.urgency = 0
    review.save()


@transaction.atomic
def review_reweigh(*, subject: UUID) -> tuple[AnswerReview, VerdictWeights] | None:
    """Weigh all verdicts on an answer anew: enough weight quarantines it and opens its review. ``None``
    without any verdict, or when the answer is gone."""
    # The lock comes first: weights read before it could overwrite those of a later verdict.
    known = AnswerReview.objects.select_for_update().filter(pk=subject).first()
    verdicts = verdicts_on(subject=subject, since=known.replaced_at if known else None)
    source = Message.objects.filter(pk=subject).first()
    if (known is None and not verdicts) or (source is None and subject.version == 7):
        return None
    review = known or AnswerReview(subject=subject, source=source)
    review.shared_as = entry_ids().shared(subject) if source else None
    since = review.decided_at
    people = _people([row.user_id for row in verdicts], subject)
    review.uses = Message.objects.filter(served_as(subject)).count()
    weights = weigh_verdicts(
        (
            replace(
                people[row.user_id],
                bad=row.verdict == Feedback.Verdict.BAD,
                counts=since is None or row.updated_at > since,
            )
            for row in verdicts
        ),
        review.uses,
    )
    _apply(review, weights, verdicts)
    review.save()
    return review, weights


def verdicts_on(*, subject: UUID, since: datetime | None = None) -> list[Feedback]:
    """The latest verdict of each person on an answer, the oldest first; none from before ``since``."""
    rows = _verdicts_of(subject, since=since).order_by("-updated_at")
    latest: dict[int, Feedback] = {}
    for row in rows[: 4 * MOST_PEOPLE]:
        latest.setdefault(row.user_id, row)
    return sorted(latest.values(), key=lambda row: row.updated_at)[-MOST_PEOPLE:]


def _apply(review: AnswerReview, weights: VerdictWeights, verdicts: Sequence[Feedback]) -> None:
    # A decision stands until new verdicts speak against it; nothing but a decision withdraws.
    review.good, review.bad, review.penalty = weights.good, weights.bad, weights.penalty
    review.urgency = round(weights.bad / (1 + weights.good) * review.uses, 4)
    # Computed first: a review that is opened below would count as undecided.
    undecided = review.review != AnswerReview.Review.DECIDED or weights.penalty > 0
    if weights.condemned and review.state == AnswerReview.State.LIVE:
        review.state = AnswerReview.State.QUARANTINED
        _open(review)
    elif not weights.condemned and _by_verdicts(review):
        review.state = AnswerReview.State.LIVE
    if undecided and _proposes(verdicts, review.decided_at):
        _open(review)


def _by_verdicts(review: AnswerReview) -> bool:
    # Whether verdicts quarantined it, not a decision: taking them back then brings the answer back.
    quarantined = review.state == AnswerReview.State.QUARANTINED
    return quarantined and review.review != AnswerReview.Review.DECIDED


def _open(review: AnswerReview) -> None:
    if review.review != AnswerReview.Review.OPEN:
        review.review, review.opened_at = AnswerReview.Review.OPEN, timezone.now()


def _proposes(verdicts: Sequence[Feedback], since: datetime | None) -> bool:
    """Whether a correction was written after the last decision."""
    return any(row.correction and (since is None or row.updated_at > since) for row in verdicts)


def _people(users: Sequence[int], subject: UUID) -> dict[int, PersonalVerdict]:
    """The habits of people: their verdicts on other answers, and whether they asked anything else."""
    others = (
        Feedback.objects.filter(user_id__in=users)
        .exclude(served_as(subject, "message__"))
        .values("user_id")
        .annotate(
            others_good=Count("id", filter=Q(verdict="good")),
            others_bad=Count("id", filter=Q(verdict="bad")),
            overruled=Count("id", filter=Q(Exists(_overruling()), verdict="bad")),
        )
    )
    counts = {row["user_id"]: row for row in others}
    answers = Message.objects.filter(
        conversation__owner=OuterRef("pk"), role="assistant", status="complete"
    ).exclude(served_as(subject))
    people = get_user_model().objects.filter(Exists(answers.order_by()), pk__in=users)
    staying = set(people.values_list("pk", flat=True))
    return {
        user: PersonalVerdict(
            user,
            bad=False,
            others_good=row["others_good"] if row else 0,
            others_bad=row["others_bad"] if row else 0,
            overruled=row["overruled"] if row else 0,
            passing=user not in staying,
        )
        for user in users
        for row in [counts.get(user)]
    }


def _overruling() -> QuerySet[AnswerReview]:
    """Reviews in which an answer was found fine after it was called bad."""
    return AnswerReview.objects.filter(
        Q(subject=OuterRef("message_id"))
        | Q(subject=OuterRef("message__cache_entry"))
        | Q(shared_as=OuterRef("message__cache_entry")),
        review="decided",
        state="live",
        decided_at__gt=OuterRef("updated_at"),
    )
