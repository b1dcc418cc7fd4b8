"""What goes with a row that is deleted, by whomever and in whatever cascade, once that is committed.

Cached answers of deleted messages are never served, whatever Redis still holds: the database is
asked first. A Redis that is away keeps them until they expire.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete

from conversations.adapters.cache_entries import entry_key
from conversations.adapters.entry_ids import EntryIds
from conversations.adapters.memory import window_keys
from conversations.models import Conversation, GeneratedImage, Message
from conversations.runs.log import log_key
from routing.breaker import Breaker
from routing.errors import CacheUnavailable
from routing.redis_clients import redis_call, sync_client

_log = structlog.get_logger("assistant.deletions")

AT_ONCE = 500
"""Keys deleted by one command."""

# Somebody with many conversations must not wait for a dead Redis once for each.
_breaker = Breaker()


def connect() -> None:
    """Listen. Raw SQL sends no signals."""
    post_delete.connect(picture_deleted, sender=GeneratedImage, dispatch_uid="picture deleted")
    pre_delete.connect(conversation_deleted, sender=Conversation, dispatch_uid="thread deleted")


def picture_deleted(*, instance: GeneratedImage, using: str, **_: Any) -> None:
    """Its file goes too. One that cannot be deleted is logged by Django."""
    file = instance.file
    transaction.on_commit(partial(file.storage.delete, str(file.name)), using=using, robust=True)


def conversation_deleted(*, instance: Conversation, using: str, **_: Any) -> None:
    """So do its memory, and the stored answers and logs of its messages, while it tells which."""
    messages = Message.objects.using(using).filter(conversation=instance)
    answers = list(messages.filter(role=Message.Role.ASSISTANT).values_list("id", flat=True))
    transaction.on_commit(partial(_forget, instance.pk, answers), using=using, robust=True)


def _forget(conversation: UUID, answers: Sequence[UUID]) -> None:
    prefix, ids = settings.REDIS_PREFIX, EntryIds(settings.SECRET_KEY)
    keys = [*window_keys(prefix, conversation)]
    for answer in answers:
        keys += [log_key(prefix, answer), *(entry_key(prefix, own) for own in ids.both(answer))]
    try:
        with (
            redis_call(_breaker, CacheUnavailable),
            closing(sync_client(settings.REDIS_URL)) as client,
        ):
            for start in range(0, len(keys), AT_ONCE):
                client.unlink(*keys[start : start + AT_ONCE])
    except CacheUnavailable as exc:
        _log.warning("deleted, but not in Redis", conversation=str(conversation), error=str(exc))
