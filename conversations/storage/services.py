"""Writes. Keyword-only; each is one transaction that leaves nothing half done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations.db.threads import still_awaited
from conversations.domain.errors import (
    ConversationBusy,
    IdempotencyKeyReused,
    NotFound,
    TokenNotValid,
)
from conversations.domain.outcome import Outcome
from conversations.models import Conversation, Feedback, IdempotencyKey, Message
from conversations.stats.pending import note_answer
from conversations.stats.stats_table import feedback_count
from conversations.storage.turn_rows import (
    NO_CONVERSATION,
    answer_ended,
    outcome_fields,
    thread_continued,
    thread_opened,
    turn_stored,
)

TITLE_LENGTH = 80
IDEMPOTENCY_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """A caller's ``Idempotency-Key`` and the SHA-256 (hex) of what it was sent with."""

    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer that may be written now, or, ``replayed``, one that was begun before."""

    conversation: UUID
    message: UUID
    user_message: UUID
    at: datetime
    first: bool
    replayed: bool = False


def conversation_create(*, user: int, title: str = "") -> Conversation:
    """Open a conversation."""
    return Conversation.objects.create(owner_id=user, title=title)


def conversation_rename(*, conversation: Conversation, title: str) -> Conversation:
    """Give it another title. Raises ``NotFound``."""
    _touch(conversation.id, title=title)
    conversation.refresh_from_db()
    return conversation


@transaction.atomic
def conversation_delete(*, conversation: Conversation) -> None:
    """Delete it with its messages, and what came from them in Redis."""
    # Whoever asks in it meanwhile waits, and then finds it gone.
    Conversation.objects.select_for_update().filter(pk=conversation.pk).first()
    conversation.delete()


def answer_begin(
    *,
    user: int,
    conversation: UUID | None,
    content: str,
    trace_id: str,
    requested_model: str = "",
    claim: IdempotencyClaim | None = None,
) -> Begun:
    """Store the prompt and an empty answer in state ``streaming``; open a conversation when none is
    named.

    Raises ``NotFound``, ``ConversationBusy``, ``IdempotencyKeyReused``, and ``TokenNotValid`` when
    the person was deleted since the token was made.
    """
    if claim and (earlier := _claimed(user=user, claim=claim)):
        return earlier
    values = user, conversation, content, trace_id, requested_model, claim
    # Again when what was in the way is gone by now: the other answer has just ended.
    return _tried(*values) or _tried(*values) or _begin(*values)


def _tried(  # noqa: PLR0917 - as _begin
    user: int,
    conversation: UUID | None,
    content: str,
    trace_id: str,
    requested_model: str,
    claim: IdempotencyClaim | None,
) -> Begun | None:
    """``_begin``, and what was in its way: an answer under the same key is returned, another one in
    the conversation and a deleted person are raised; ``None`` when there is nothing any more."""
    try:
        return _begin(user, conversation, content, trace_id, requested_model, claim)
    except IntegrityError as exc:
        if claim and (earlier := _claimed(user=user, claim=claim)):
            return earlier
        if conversation and (running := running_answer(conversation=conversation)):
            raise ConversationBusy(running) from exc
        if not get_user_model().objects.filter(pk=user).exists():
            raise TokenNotValid("The token's user is gone.") from exc
        return None


@transaction.atomic
def _begin(  # noqa: PLR0917 - the body of answer_begin, which names them
    user: int,
    conversation: UUID | None,
    content: str,
    trace_id: str,
    requested_model: str,
    claim: IdempotencyClaim | None,
) -> Begun:
    now, title = timezone.now(), " ".join(content.split())[:TITLE_LENGTH]
    thread, first = conversation, True
    if thread is None:
        thread = thread_opened(user, title, now)
    else:
        first = thread_continued(thread, user, title, now)
    prompt, answer = turn_stored(thread, content, now, trace_id, requested_model)
    if claim:
        IdempotencyKey.objects.create(
            user_id=user, key=claim.key, body_sha256=claim.body_sha256, message_id=answer
        )
    still_awaited()
    return Begun(thread, answer, prompt, now, first)


def _touch(conversation: UUID, **fields: Any) -> None:
    """Write these columns and no others. Raises ``NotFound`` when it was deleted meanwhile."""
    thread = Conversation.objects.filter(pk=conversation)
    if not thread.update(**fields, updated_at=timezone.now()):
        raise NotFound(NO_CONVERSATION)


def _claimed(*, user: int, claim: IdempotencyClaim) -> Begun | None:
    """The answer that this key stands for, if it was used in the last 24 h."""
    expired = timezone.now() - IDEMPOTENCY_LIFE
    IdempotencyKey.objects.filter(user_id=user, key=claim.key, created_at__lt=expired).delete()
    held = (
        IdempotencyKey.objects.filter(user_id=user, key=claim.key).select_related("message").first()
    )
    if held is None:
        return None
    if held.body_sha256 != claim.body_sha256:
        raise IdempotencyKeyReused("This Idempotency-Key was used with another body before.")
    answer = held.message
    assert answer.answers_id is not None  # noqa: S101 - claims are made on answers only
    return Begun(
        answer.conversation_id,
        answer.id,
        answer.answers_id,
        answer.created_at,
        first=False,
        replayed=True,
    )


def running_answer(*, conversation: UUID) -> UUID | None:
    """The id of the answer being written in a conversation."""
    return (
        Message.objects.filter(conversation_id=conversation, status=Message.Status.STREAMING)
        .values_list("id", flat=True)
        .first()
    )


@transaction.atomic
def answer_finish(
    *,
    message: UUID,
    outcome: Outcome,
    begun: datetime | None = None,
    older_than: timedelta = timedelta(0),
) -> bool:
    """Store how the run ended, once: ``False`` when the message is no longer ``streaming`` (ended by
    somebody else, or deleted), or is younger than ``older_than``.

    What it adds to the sums is noted beside it. ``begun`` says what is known: when it began.
    """
    begun = begun or _streaming_since(message, older_than)
    if begun is None or not answer_ended(message, outcome_fields(outcome)):
        return False
    note_answer(message, outcome, begun)
    still_awaited()
    return True


def _streaming_since(message: UUID, older_than: timedelta) -> datetime | None:
    running = Message.objects.filter(
        pk=message, status=Message.Status.STREAMING, created_at__lte=timezone.now() - older_than
    )
    return running.values_list("created_at", flat=True).first()


@transaction.atomic
def feedback_record(
    *,
    user: int,
    message: Message,
    verdict: str,
    reason: str = "",
    comment: str = "",
    correction: str = "",
) -> tuple[Feedback, bool]:
    """Keep a person's verdict on an answer. Returns it, and whether it is new. Raises ``NotFound``."""
    _lock(message)
    before = Feedback.objects.filter(user_id=user, message=message).first()
    feedback, created = Feedback.objects.update_or_create(
        user_id=user,
        message=message,
        defaults={
            "verdict": verdict,
            "reason": reason,
            "comment": comment,
            "correction": correction,
        },
    )
    earlier = before.verdict if before else None
    feedback_count(message=message, before=earlier, after=verdict)
    return feedback, created


@transaction.atomic
def feedback_delete(*, user: int, message: Message) -> None:
    """Take a verdict back. Raises ``NotFound``."""
    _lock(message)
    feedback = Feedback.objects.filter(user_id=user, message=message).first()
    if feedback is None:
        raise NotFound("There is no feedback to take back.")
    feedback.delete()
    feedback_count(message=message, before=feedback.verdict, after=None)


def _lock(message: Message) -> None:
    """Order two verdicts that come at once, so that each sees the one before it."""
    if Message.objects.select_for_update().filter(pk=message.pk).first() is None:
        raise NotFound("There is no such message.")
