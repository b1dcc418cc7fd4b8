"""Reads. Each takes the person who asks: what is somebody else's does not exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Max, OuterRef, Q, QuerySet
from django.db.models import Exists as ExistsIn
from django.utils import timezone

from conversations.db.access import Exists
from conversations.domain.booking import Account, Booking
from conversations.domain.errors import NotFound, TokenNotValid
from conversations.models import Conversation, Feedback, GeneratedImage, Message
from conversations.storage.representations import message_object
from routing.domain.llm import ChatMessage

REMEMBERED_EXCHANGES = 50
"""Exchanges read from the database when a conversation's memory is rebuilt."""

BRANCH = 1_000_000
"""More exchanges than a conversation has."""

_person = Exists(User, "id", "is_active")


def require_active(*, user: int) -> None:
    """Raises ``TokenNotValid`` when the person was deleted or deactivated."""
    if not _person(user, True):
        raise TokenNotValid("The token's account is not active any more.")


def conversations_of(*, user: int) -> QuerySet[Conversation]:
    """A person's conversations."""
    return Conversation.objects.filter(owner_id=user)


def conversations_listed(*, user: int, search: str = "") -> QuerySet[Conversation]:
    """A person's conversations with ``answering``: whether an answer is being written. With ``search`` those
    whose title, or a message of which, has these words."""
    within = Message.objects.filter(conversation=OuterRef("pk"))
    running = within.filter(status=Message.Status.STREAMING)
    listed = conversations_of(user=user).annotate(answering=ExistsIn(running))
    if search:
        said = ExistsIn(within.filter(content__icontains=search))
        listed = listed.filter(Q(title__icontains=search) | Q(said))
    return listed


def conversation_get(*, user: int, conversation: UUID) -> Conversation:
    """One conversation. Raises ``NotFound``."""
    found = conversations_of(user=user).filter(pk=conversation).first()
    if found is None:
        raise NotFound("There is no such conversation.")
    return found


def messages_of(*, user: int, conversation: UUID) -> QuerySet[Message]:
    """The messages of a conversation's shown branch. Raises ``NotFound``."""
    thread = conversation_get(user=user, conversation=conversation)
    shown = Message.objects.filter(conversation=thread, hidden=False)
    related = shown.select_related("image", "conversation", "attachments")
    # Lists tell of pictures; their bytes are megabytes.
    return related.defer("attachments__parts")


def message_get(*, user: int, message: UUID) -> Message:
    """One message. Raises ``NotFound``."""
    found = (
        Message.objects.filter(pk=message, conversation__owner_id=user)
        .select_related("image", "attachments")
        .defer("attachments__parts")
        .first()
    )
    if found is None:
        raise NotFound("There is no such message.")
    return found


def answer_get(*, user: int, message: UUID) -> Message:
    """One assistant message. Raises ``NotFound``."""
    found = message_get(user=user, message=message)
    if found.role != Message.Role.ASSISTANT:
        raise NotFound("There is no such answer.")
    return found


def feedback_of(*, user: int, messages: Sequence[UUID]) -> dict[UUID, Feedback]:
    """The person's own feedback by message id."""
    rows = Feedback.objects.filter(user_id=user, message_id__in=messages)
    return {row.message_id: row for row in rows}


def image_get(*, user: int, image: UUID) -> GeneratedImage:
    """A picture's row for its owner. Raises ``NotFound``."""
    found = GeneratedImage.objects.filter(pk=image, owner_id=user).first()
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def picture_of(*, user: int, message: UUID) -> GeneratedImage:
    """The row of an answer's picture. Raises ``NotFound``."""
    found = GeneratedImage.objects.filter(message=message, owner_id=user).first()
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def image_signed(*, image: UUID) -> GeneratedImage:
    """A picture's row for the holder of a signed address. Raises ``NotFound``."""
    found = GeneratedImage.objects.filter(pk=image).first()
    if found is None:
        raise NotFound("There is no such picture.")
    return found


def remembered_exchanges(conversation: UUID) -> tuple[ChatMessage, ...]:
    """The recent part of what a conversation's memory holds: prompt, answer, …, oldest first."""
    answers = answered(conversation).select_related("answers").order_by("-id")
    return tuple(
        said
        for answer in reversed(answers[:REMEMBERED_EXCHANGES])
        if answer.answers
        for said in (
            ChatMessage("user", answer.answers.content),
            ChatMessage("assistant", answer.content),
        )
    )


def remembered_count(conversation: UUID) -> int:
    """How many exchanges a conversation's memory stands for, and of which branch: after each change of the
    branch it is another number."""
    counted = answered(conversation).aggregate(
        exchanges=Count("id"), branches=Max("conversation__branches")
    )
    return int(counted["exchanges"] + BRANCH * (counted["branches"] or 0))


def answered(conversation: UUID, *, hidden: bool = False) -> QuerySet[Message]:
    """Answers that memory keeps, with ``hidden`` those of all branches. Of refused and failed exchanges there
    is nothing to remember: no prompt was answered."""
    answers = (
        Message.objects.filter(
            conversation_id=conversation,
            role=Message.Role.ASSISTANT,
            status__in=(Message.Status.COMPLETE, Message.Status.STOPPED),
        )
        .exclude(action="refuse")
        .exclude(content="")
    )
    return answers if hidden else answers.filter(hidden=False)


def versions_of(prompts: Sequence[Message]) -> dict[UUID, list[UUID]]:
    """The versions of each prompt of one conversation that has more than one, oldest first."""
    asked = [prompt for prompt in prompts if prompt.role == Message.Role.USER]
    if not asked or not asked[0].conversation.branches:
        return {}
    siblings = defaultdict(list)
    rows = Message.objects.filter(conversation=asked[0].conversation_id, role=Message.Role.USER)
    for identity, parent in rows.order_by("id").values_list("id", "parent"):
        siblings[parent].append(identity)
    return {prompt.id: siblings[prompt.parent] for prompt in asked}


def message_body(*, user: int, message: UUID, origin: str) -> dict[str, Any]:
    """The message object with the person's own feedback. Raises ``NotFound``."""
    found = message_get(user=user, message=message)
    mine = feedback_of(user=user, messages=[found.id]).get(found.id)
    versions = versions_of([found]).get(found.id)
    return message_object(found, origin=origin, feedback=mine, versions=versions)


def running_answer(*, conversation: UUID) -> UUID | None:
    """The id of the answer being written in a conversation."""
    running = Message.objects.filter(conversation_id=conversation, status=Message.Status.STREAMING)
    return running.values_list("id", flat=True).first()


def running_answer_of(*, user: int, client_id: str) -> UUID | None:
    """The id of the answer being written in the conversation that a client names by its own id."""
    running = Message.objects.filter(
        conversation__owner_id=user,
        conversation__client_id=client_id,
        status=Message.Status.STREAMING,
    )
    return running.values_list("id", flat=True).first()


def answers_streaming(*, older_than: timedelta) -> list[UUID]:
    """The answers being written for longer than that."""
    begun = timezone.now() - older_than
    rows = Message.objects.filter(status=Message.Status.STREAMING, created_at__lt=begun)
    return list(rows.values_list("id", flat=True)[:100])


def booking_of(*, message: UUID) -> Booking | None:
    """The payer of an answer, as far as its row tells; ``None`` where it is gone."""
    rows = Message.objects.filter(pk=message).values_list("conversation__owner", "created_at")
    return next((Booking(Account(owner), at) for owner, at in rows), None)


def answer_is_streaming(*, message: UUID) -> bool:
    """Whether it is still being written."""
    return Message.objects.filter(pk=message, status=Message.Status.STREAMING).exists()
