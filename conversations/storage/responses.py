"""Stored responses of OpenAI's Responses API: reads by their owner, deletion, and the end of their life."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from conversations.domain.errors import NotFound
from conversations.models import Conversation, Message, StoredResponse
from routing.common.translatable import Translatable

MAX_CHAIN = 1_000
"""Responses that one continues, at most."""
PURGED = 500
"""Rows deleted in one transaction."""


def _responses_of(user: int) -> QuerySet[StoredResponse]:
    rows = StoredResponse.objects.filter(message__conversation__owner_id=user)
    return rows.filter(expires_at__gt=timezone.now()).select_related("message__image")


def response_get(*, user: int, message: UUID) -> StoredResponse:
    """One response with its answer. Raises ``NotFound``."""
    found = _responses_of(user).filter(pk=message).first()
    if found is None:
        raise NotFound("There is no such response.")
    return found


def responses_get(*, user: int, messages: Collection[UUID]) -> list[StoredResponse]:
    """Those of these responses that are there."""
    return list(_responses_of(user).filter(pk__in=messages))


def response_chain(*, user: int, message: UUID) -> list[StoredResponse]:
    """A response and all that it continues, the last one first. Raises ``NotFound`` where one of them is
    gone: without it the model would answer half a conversation."""
    found: dict[UUID, StoredResponse] = {}
    chain: list[StoredResponse] = []
    following: UUID | None = message
    while following:
        if len(chain) == MAX_CHAIN:
            raise NotFound(
                Translatable("A response continues {most} others at most.", most=MAX_CHAIN)
            )
        if following not in found:
            # One query for a conversation, not for a link: branches are the exception.
            one = response_get(user=user, message=following)
            thread = _responses_of(user).filter(message__conversation=one.message.conversation_id)
            found |= {one.pk: one} | {row.pk: row for row in thread}
        chain.append(found[following])
        following = chain[-1].previous
    return chain


@transaction.atomic
def response_delete(*, user: int, message: UUID) -> None:
    """Delete a response with its prompt and its answer, and their conversation where nothing else is in
    it. Raises ``NotFound``."""
    answer = response_get(user=user, message=message).message
    thread = answer.conversation_id
    Conversation.objects.select_for_update().filter(pk=thread).first()
    Message.objects.filter(answer=answer).delete()  # the prompt, and with it the answer
    if not Message.objects.filter(conversation_id=thread).exists():
        Conversation.objects.filter(pk=thread).delete()


def purge_expired() -> None:
    """Delete the requests whose time is over. Their conversations stay, like all others."""
    expired = StoredResponse.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    StoredResponse.objects.filter(
        pk__in=list(expired.values_list("pk", flat=True)[:PURGED])
    ).delete()


def without_nul(value: Any) -> Any:
    """A JSON value with another character for U+0000, which PostgreSQL can not store in JSON."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [without_nul(each) for each in value]
        case dict():
            return {without_nul(name): without_nul(each) for name, each in value.items()}
        case _:
            return value
