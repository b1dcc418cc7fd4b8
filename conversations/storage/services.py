"""Writes of people: conversations and feedback. Keyword-only; each is one transaction."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from conversations.domain.errors import NotFound
from conversations.models import Conversation, Feedback, Message
from conversations.stats.stats_table import feedback_count
from conversations.storage.turns import NO_CONVERSATION


def conversation_create(*, user: int, title: str = "") -> Conversation:
    """Open a conversation."""
    return Conversation.objects.create(owner_id=user, title=title)


def conversation_rename(*, conversation: Conversation, title: str) -> Conversation:
    """Give it another title. Raises ``NotFound`` when it was deleted meanwhile."""
    # These columns and no others: a prompt may be stored in it at the same time.
    thread = Conversation.objects.filter(pk=conversation.id)
    if not thread.update(title=title, updated_at=timezone.now()):
        raise NotFound(NO_CONVERSATION)
    conversation.refresh_from_db()
    return conversation


@transaction.atomic
def conversation_delete(*, conversation: Conversation) -> None:
    """Delete it with its messages, and their traces in Redis."""
    # A prompt that comes in meanwhile waits for this lock, and then finds the conversation gone.
    Conversation.objects.select_for_update().filter(pk=conversation.pk).first()
    conversation.delete()


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
    """Keep a person's verdict on an answer. Returns it, and whether it is new. Raises ``NotFound``.

    Saving the row sends a signal (``conversations.signals.verdict_changed``), as a deletion in the admin
    does: the answer is then weighed anew, and withheld where the verdicts weigh enough.
    """
    before = _feedback(user, message)
    fields = {"verdict": verdict, "reason": reason, "comment": comment, "correction": correction}
    feedback, created = Feedback.objects.update_or_create(
        user_id=user, message=message, defaults=fields
    )
    feedback_count(message=message, before=before.verdict if before else None, after=verdict)
    return feedback, created


@transaction.atomic
def feedback_delete(*, user: int, message: Message) -> None:
    """Take a verdict back. Raises ``NotFound``."""
    feedback = _feedback(user, message)
    if feedback is None:
        raise NotFound("There is no feedback to take back.")
    feedback.delete()
    feedback_count(message=message, before=feedback.verdict, after=None)


def _feedback(user: int, message: Message) -> Feedback | None:
    # The lock orders two verdicts that come at once, so that each sees the one before it.
    if Message.objects.select_for_update().filter(pk=message.pk).first() is None:
        raise NotFound("There is no such message.")
    return Feedback.objects.filter(user_id=user, message=message).first()
