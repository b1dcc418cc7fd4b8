"""What goes with a row that is deleted, by whomever and in whatever cascade, and what a verdict moves.

Cached answers of deleted messages are never served, whatever Redis still holds: the database is
asked first. What Redis must be told is owed to it in the same transaction.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_delete

from conversations.adapters.background.outbox import Kind, enqueue
from conversations.feedback.reviews import subject_of
from conversations.models import Conversation, CuratedAnswer, Feedback, GeneratedImage, Message


def connect() -> None:
    """Listen. Raw SQL and bulk operations send no signals."""
    post_delete.connect(picture_deleted, sender=GeneratedImage, dispatch_uid="picture deleted")
    pre_delete.connect(conversation_deleted, sender=Conversation, dispatch_uid="thread deleted")
    pre_delete.connect(message_deleted, sender=Message, dispatch_uid="message deleted")
    pre_delete.connect(curated_deleted, sender=CuratedAnswer, dispatch_uid="curated deleted")
    for signal in (post_save, pre_delete):
        signal.connect(judged, sender=Feedback, dispatch_uid="verdict changed")


def picture_deleted(*, instance: GeneratedImage, using: str, **_: Any) -> None:
    """Its file goes too. One that cannot be deleted is logged by Django."""
    file = instance.file

    def delete_file() -> None:  # named: Django logs a robust hook's name, and a partial has none
        file.storage.delete(str(file.name))

    transaction.on_commit(delete_file, using=using, robust=True)


def conversation_deleted(*, instance: Conversation, using: str, **_: Any) -> None:
    """So does its memory."""
    enqueue(Kind.FORGET_THREAD, [instance.pk], using=using)


def message_deleted(*, instance: Message, using: str, **_: Any) -> None:
    """So do the stored answer and the log made of it; what its conversation remembers of it, too."""
    if instance.role == Message.Role.ASSISTANT:
        enqueue(Kind.FORGET_ANSWER, [instance.pk], using=using)
    enqueue(Kind.FORGET_THREAD, [instance.conversation_id], using=using)


def curated_deleted(*, instance: CuratedAnswer, using: str, **_: Any) -> None:
    """So does its entry."""
    enqueue(Kind.FORGET_ENTRY, [instance.pk], using=using)


def judged(*, instance: Feedback, using: str, **_: Any) -> None:
    """A verdict was given, changed or taken back, perhaps with its person: the answer is weighed
    anew."""
    message = Message.objects.using(using).filter(pk=instance.message_id).first()
    if message:
        enqueue(Kind.STANDING, [subject_of(message)], using=using)
