"""Model signals: deletions and verdicts leave work for Redis in the outbox.

A new, changed or deleted verdict (API, admin, deletion of a user) is weighed again:
``review_reweigh`` may then quarantine the answer. Deletions remove the file, the memory, the stored
answer and its log. Each row of work is written in the transaction of its change. Until Redis has
followed, the database is asked before a stored answer is served, so a deleted one is never served.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_delete

from conversations.adapters.background.outbox import Kind, enqueue
from conversations.feedback.reviews import subject_of
from conversations.models import Conversation, CuratedAnswer, Feedback, GeneratedImage, Message
from conversations.storage.audit_signals import connect_audit
from conversations.storage.erasure import forget_traces, subject_of_person


def connect() -> None:
    """Connect the handlers. Raw SQL and bulk operations send no signals."""
    connect_audit()
    post_delete.connect(picture_deleted, sender=GeneratedImage, dispatch_uid="picture deleted")
    pre_delete.connect(conversation_deleted, sender=Conversation, dispatch_uid="thread deleted")
    pre_delete.connect(message_deleted, sender=Message, dispatch_uid="message deleted")
    pre_delete.connect(curated_deleted, sender=CuratedAnswer, dispatch_uid="curated deleted")
    pre_delete.connect(person_deleted, sender=User, dispatch_uid="person deleted")
    for signal in (post_save, pre_delete):
        signal.connect(verdict_changed, sender=Feedback, dispatch_uid="verdict changed")


def picture_deleted(*, instance: GeneratedImage, using: str, **_: Any) -> None:
    """Delete the file. Django logs one that cannot be deleted."""
    file = instance.file

    def delete_file() -> None:  # named: Django logs a robust hook's name, and a partial has none
        file.storage.delete(str(file.name))

    transaction.on_commit(delete_file, using=using, robust=True)


def person_deleted(*, instance: User, using: str, **_: Any) -> None:
    """Forget what names the account without a key to it, here and in Redis."""
    forget_traces(instance)
    enqueue(Kind.FORGET_PERSON, [subject_of_person(instance.pk)], using=using)


def conversation_deleted(*, instance: Conversation, using: str, **_: Any) -> None:
    """Forget the memory of the conversation."""
    enqueue(Kind.FORGET_THREAD, [instance.pk], using=using)


def message_deleted(*, instance: Message, using: str, **_: Any) -> None:
    """Forget the stored answer and its event log, and the memory of its conversation."""
    if instance.role == Message.Role.ASSISTANT:
        enqueue(Kind.FORGET_ANSWER, [instance.pk], using=using)
    enqueue(Kind.FORGET_THREAD, [instance.conversation_id], using=using)


def curated_deleted(*, instance: CuratedAnswer, using: str, **_: Any) -> None:
    """Forget the entry of the curated answer."""
    enqueue(Kind.FORGET_ENTRY, [instance.pk], using=using)


def verdict_changed(*, instance: Feedback, using: str, **_: Any) -> None:
    """Weigh an answer anew when a verdict on it is given, changed or deleted."""
    message = Message.objects.using(using).filter(pk=instance.message_id).first()
    if message:
        enqueue(Kind.STANDING, [subject_of(message)], using=using)
