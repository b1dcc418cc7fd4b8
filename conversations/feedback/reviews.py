"""Writes and reads about how stored answers stand: keyword-only, each one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from conversations.domain.entry_ids import EntryIds
from conversations.feedback.weights import Standing, Verdict, standing
from conversations.models import AnswerReview, Feedback, Message

JUDGES = 500
"""People whose verdicts on one answer are weighed, the latest."""

# Asked before each hit, so it is one statement, which the ORM need not compile anew each time.
_GONE = "NOT EXISTS (SELECT 1 FROM conversations_message WHERE id = %s) OR"
_HELD = """
EXISTS (SELECT 1 FROM conversations_answerreview WHERE subject = %s AND state <> 'live')
OR EXISTS (
  -- From the person's few verdicts on: a popular answer was given in very many messages.
  SELECT 1 FROM conversations_feedback said
  WHERE said.user_id = %s AND said.verdict = 'bad'
    AND EXISTS (
      SELECT 1 FROM conversations_message rated
      WHERE rated.id = said.message_id AND (rated.id = %s OR rated.cache_entry IN (%s, %s))
    )
    AND NOT EXISTS (
      SELECT 1 FROM conversations_answerreview
      WHERE subject = %s AND replaced_at >= said.updated_at
    )
)
"""


def entry_ids() -> EntryIds:
    """The ids of entries on this site."""
    return EntryIds(settings.SECRET_KEY)


def subject_of(message: Message) -> UUID:
    """What a verdict on this answer is about: the answer that was served in it, or the answer itself."""
    entry = message.cache_entry
    return message.id if entry is None else entry_ids().message(entry) or entry


def served_as(subject: UUID, prefix: str = "") -> Q:
    """The answers that gave this one, the first of them too. ``prefix`` leads to the message."""
    entries = entry_ids().both(subject) if subject.version == 7 else (subject,)
    return Q(**{f"{prefix}pk": subject}) | Q(**{f"{prefix}cache_entry__in": entries})


def entry_withheld(*, entry: UUID, user: int) -> bool:
    """Whether somebody must not be given a stored answer: they called it bad, it is quarantined or
    withdrawn, or the message it was made from is deleted."""
    source = entry_ids().message(entry)
    subject = source or entry
    own, shared = entry_ids().both(source) if source else (entry, entry)
    asked = [subject, user, subject, own, shared, subject]
    uuid = AnswerReview._meta.get_field("subject")  # noqa: SLF001 - Django's documented name
    values: list[Any] = [
        uuid.get_db_prep_value(value, connection) if isinstance(value, UUID) else value
        for value in ([source, *asked] if source else asked)
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_GONE if source else ''} {_HELD}", values)
        return bool(cursor.fetchone()[0])


def _said_of(subject: UUID, *, since: datetime | None) -> QuerySet[Feedback]:
    """Everybody's verdicts on an answer. The answers that gave it are found first: over both tables at
    once neither one's index helps."""
    given = Message.objects.filter(served_as(subject)).order_by().values("pk")
    said = Feedback.objects.filter(message__in=given)
    return said.filter(updated_at__gt=since) if since else said


@transaction.atomic
def answer_replaced(*, subject: UUID, by: int | None = None) -> None:
    """Another text answers the question from now on: what was said of the old one is settled."""
    now = timezone.now()
    review = AnswerReview.objects.select_for_update().filter(pk=subject).first()
    review = review or AnswerReview(subject=subject)
    review.state, review.review = AnswerReview.State.LIVE, AnswerReview.Review.DECIDED
    review.decided_at = review.replaced_at = now
    review.decided_by_id = by
    review.good = review.bad = review.penalty = review.urgency = 0
    review.save()


@transaction.atomic
def standing_settle(*, subject: UUID) -> tuple[AnswerReview, Standing] | None:
    """Weigh all verdicts on an answer anew: it is quarantined and its review opened where they are
    enough. ``None`` where nothing was ever said, or the answer is gone."""
    held = AnswerReview.objects.select_for_update().filter(pk=subject).first()
    verdicts = verdicts_on(subject=subject, since=held.replaced_at if held else None)
    source = Message.objects.filter(pk=subject).first()
    if (held is None and not verdicts) or (source is None and subject.version == 7):
        return None
    review = held or AnswerReview(subject=subject, source=source)
    review.shared_as = entry_ids().shared(subject) if source else None
    since = review.decided_at
    people = _people([row.user_id for row in verdicts], subject)
    review.uses = Message.objects.filter(served_as(subject)).count()
    stands = standing([_verdict(row, people[row.user_id], since) for row in verdicts], review.uses)
    _apply(review, stands, verdicts)
    review.save()
    return review, stands


def verdicts_on(*, subject: UUID, since: datetime | None = None) -> list[Feedback]:
    """Everybody's latest verdict on an answer, the oldest first; none from before ``since``."""
    rows = _said_of(subject, since=since).order_by("-updated_at")
    latest: dict[int, Feedback] = {}
    for row in rows[: 4 * JUDGES]:
        latest.setdefault(row.user_id, row)
    return sorted(latest.values(), key=lambda row: row.updated_at)[-JUDGES:]


def _apply(review: AnswerReview, stands: Standing, verdicts: Sequence[Feedback]) -> None:
    """A decision stands until new verdicts speak against it; nothing but a decision withdraws."""
    review.good, review.bad, review.penalty = stands.good, stands.bad, stands.penalty
    review.urgency = round(stands.bad / (1 + stands.good) * review.uses, 4)
    undecided = review.review != AnswerReview.Review.DECIDED or stands.penalty > 0
    if stands.condemned and review.state == AnswerReview.State.LIVE:
        review.state = AnswerReview.State.QUARANTINED
        _open(review)
    elif not stands.condemned and _by_verdicts(review):
        review.state = AnswerReview.State.LIVE
    if undecided and _proposes(verdicts, review.decided_at):
        _open(review)


def _by_verdicts(review: AnswerReview) -> bool:
    """Whether it is the verdicts that quarantined it: then taking them back brings it back."""
    quarantined = review.state == AnswerReview.State.QUARANTINED
    return quarantined and review.review != AnswerReview.Review.DECIDED


def _open(review: AnswerReview) -> None:
    if review.review != AnswerReview.Review.OPEN:
        review.review, review.opened_at = AnswerReview.Review.OPEN, timezone.now()


def _proposes(verdicts: Sequence[Feedback], since: datetime | None) -> bool:
    """Whether somebody wrote a correction that the desk has not seen."""
    return any(row.correction and (since is None or row.updated_at > since) for row in verdicts)


def _verdict(row: Feedback, habits: Verdict, since: datetime | None) -> Verdict:
    return Verdict(
        user=row.user_id,
        bad=row.verdict == Feedback.Verdict.BAD,
        others_good=habits.others_good,
        others_bad=habits.others_bad,
        overruled=habits.overruled,
        passing=habits.passing,
        counts=since is None or row.updated_at > since,
    )


def _people(users: Sequence[int], subject: UUID) -> dict[int, Verdict]:
    """What these people said of other answers, and whether they asked anything else."""
    habits = {user: Verdict(user, bad=False) for user in users}
    said = (
        Feedback.objects.filter(user_id__in=users)
        .exclude(served_as(subject, "message__"))
        .values("user_id")
        .annotate(
            good=Count("id", filter=Q(verdict="good")),
            bad=Count("id", filter=Q(verdict="bad")),
            overruled=Count("id", filter=Q(Exists(_overruling()), verdict="bad")),
        )
    )
    told = {row["user_id"]: row for row in said}
    other = Message.objects.filter(
        conversation__owner=OuterRef("pk"), role="assistant", status="complete"
    ).exclude(served_as(subject))
    people = get_user_model().objects.filter(Exists(other.order_by()), pk__in=users)
    staying = set(people.values_list("pk", flat=True))
    for user in users:
        row = told.get(user, {"good": 0, "bad": 0, "overruled": 0})
        habits[user] = Verdict(
            user,
            bad=False,
            others_good=row["good"],
            others_bad=row["bad"],
            overruled=row["overruled"],
            passing=user not in staying,
        )
    return habits


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
