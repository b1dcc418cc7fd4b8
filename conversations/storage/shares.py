"""Shares: read-only links to conversations. The unguessable token in a link is kept as its SHA-256 alone."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from conversations.domain.errors import NotFound
from conversations.models import GeneratedImage, Message, PromptAttachments, SharedConversation
from conversations.storage.attachments import AttachedPicture, picture_of_attachment
from conversations.storage.selectors import conversation_get, messages_of
from routing.common.translatable import Translatable

TOKEN_BYTES = 32
MAX_TOKEN = 64
"""Characters."""
_SHOWN = (Message.Status.COMPLETE, Message.Status.STOPPED)
_NO_LINK = Translatable("This link shows nothing: it was revoked, or the conversation is gone.")


@transaction.atomic
def share_create(*, user: int, conversation: UUID) -> tuple[SharedConversation, str]:
    """Share a conversation as it is now; its new token, which is told this once. An earlier link of the
    conversation ends. Raises ``NotFound``."""
    thread = conversation_get(user=user, conversation=conversation)
    shown = messages_of(user=user, conversation=conversation).filter(status__in=_SHOWN)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    SharedConversation.objects.filter(conversation=thread).delete()
    share = SharedConversation.objects.create(
        conversation=thread,
        digest=_digest(token),
        title=thread.title,
        messages=[str(each) for each in shown.order_by("id").values_list("id", flat=True)],
    )
    return share, token


def shares_of(*, user: int) -> QuerySet[SharedConversation]:
    """The living links of a person."""
    return SharedConversation.objects.filter(conversation__owner_id=user)


def share_get(*, user: int, conversation: UUID) -> SharedConversation:
    """The living link of a conversation. Raises ``NotFound``."""
    found = shares_of(user=user).filter(conversation=conversation).first()
    if found is None:
        raise NotFound("This conversation is not shared.")
    return found


def share_revoke(*, user: int, conversation: UUID) -> None:
    """End the link of a conversation. Raises ``NotFound``."""
    share_get(user=user, conversation=conversation).delete()


def share_of_token(token: str) -> SharedConversation:
    """The conversation as the holder of a link may see it. Raises ``NotFound``, also where its owner was deactivated."""
    living = SharedConversation.objects.filter(conversation__owner__is_active=True)
    found = living.filter(digest=_digest(token)).first() if len(token) <= MAX_TOKEN else None
    if found is None:
        raise NotFound(_NO_LINK)
    return found


def shared_messages(share: SharedConversation) -> QuerySet[Message]:
    """The messages that a link shows, oldest first; of deleted ones there is nothing."""
    rows = Message.objects.filter(conversation=share.conversation_id, id__in=share.messages)
    related = rows.select_related("image", "attachments").defer("attachments__parts")
    return related.order_by("id")


def shared_image(share: SharedConversation, message: UUID) -> GeneratedImage:
    """The picture of a shared answer. Raises ``NotFound``."""
    shown = GeneratedImage.objects.filter(message__in=shared_messages(share))
    found = shown.filter(message=message).first()
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def shared_attachment(share: SharedConversation, message: UUID, number: int) -> AttachedPicture:
    """A picture of a shared prompt. Raises ``NotFound``."""
    shown = PromptAttachments.objects.filter(message__in=shared_messages(share))
    return picture_of_attachment(shown.filter(message=message).first(), number)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
