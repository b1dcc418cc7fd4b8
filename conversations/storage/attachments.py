"""Attachments of prompts: pictures that a conversation's model is shown beside the texts."""

from __future__ import annotations

import io
import warnings
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from PIL import Image

from conversations.domain.errors import NotFound
from conversations.models import PromptAttachments
from conversations.storage.selectors import REMEMBERED_EXCHANGES, answered
from routing.domain.llm import ChatMessage

MAX_SHOWN, MAX_SHOWN_CHARS = 4, 28 * 1024 * 1024
"""Earlier prompts of which a model is shown the attachments again, and the characters of these together."""

MAX_PIXELS = 64 * 1024 * 1024
_MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}


@dataclass(frozen=True, slots=True)
class AttachedPicture:
    """Bytes of an attached picture, with the media type that they have."""

    media_type: str
    data: bytes


def data_url(picture: AttachedPicture) -> str:
    """A picture as a data URL."""
    return f"data:{picture.media_type};base64,{b64encode(picture.data).decode()}"


def measured(url: str) -> dict[str, Any] | None:
    """Media type, width and height of a picture in a data URL, by its header alone; ``None`` where it is no
    picture that browsers and models know, or a larger one than ``MAX_PIXELS``."""
    head, _, encoded = url.partition(",")
    if not head.lower().startswith("data:image/"):
        return None
    try:
        # Pillow warns of large pictures before it refuses them: the bound is ours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(b64decode(encoded)), formats=[*_MEDIA_TYPES]) as image:
                width, height, form = image.width, image.height, image.format or ""
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if width * height > MAX_PIXELS:
        return None
    return {"media_type": _MEDIA_TYPES[form], "width": width, "height": height}


def attachments_store(*, message: UUID, parts: Sequence[Mapping[str, Any]]) -> None:
    """Keep the parts of a prompt beside its text."""
    pictures = [measured(part["image_url"]["url"]) for part in parts]
    PromptAttachments.objects.create(message_id=message, parts=list(parts), pictures=pictures)


def parts_of(message: UUID) -> tuple[Mapping[str, Any], ...]:
    """The parts of a prompt beside its text."""
    stored = PromptAttachments.objects.filter(message=message).first()
    return tuple(stored.parts) if stored else ()


def attachment_get(*, user: int, message: UUID, number: int) -> AttachedPicture:
    """A picture that the person attached, counted from 0. Raises ``NotFound``."""
    owned = PromptAttachments.objects.filter(message__conversation__owner_id=user)
    return picture_of_attachment(owned.filter(message=message).first(), number)


def picture_of_attachment(stored: PromptAttachments | None, number: int) -> AttachedPicture:
    """A picture of a row. Raises ``NotFound``, also where its bytes are not kept here."""
    facts = stored.pictures[number] if stored and number < len(stored.pictures) else None
    if stored is None or facts is None:
        raise NotFound("There is no such picture.")
    encoded = stored.parts[number]["image_url"]["url"].partition(",")[2]
    return AttachedPicture(facts["media_type"], b64decode(encoded))


def _of(conversation: UUID) -> QuerySet[PromptAttachments]:
    return PromptAttachments.objects.filter(message__conversation=conversation)


def has_attachments(conversation: UUID, user: int) -> bool:
    """Whether there are attachments in a person's conversation."""
    return _of(conversation).filter(message__conversation__owner_id=user).exists()


def pictured_history(
    conversation: UUID, before: UUID | None = None, branch: Collection[UUID] | None = None
) -> tuple[ChatMessage, ...]:
    """The recent exchanges of a conversation, of those before a prompt or of the messages of a branch where
    one is named, oldest first; the latest prompts with their attachments."""
    answers, shown = answered(conversation), _of(conversation)
    if branch is not None:
        answers = answered(conversation, hidden=True).filter(id__in=branch)
        shown = shown.filter(message__in=branch)
    if before:
        answers, shown = answers.filter(answers__lt=before), shown.filter(message__lt=before)
    answers = answers.select_related("answers")
    parts, room = dict[UUID, Sequence[Any]](), MAX_SHOWN_CHARS
    for each in shown.order_by("-message")[:MAX_SHOWN]:
        room -= sum(len(str(part)) for part in each.parts)
        if room >= 0:
            parts[each.message_id] = each.parts
    return tuple(
        said
        for answer in reversed(answers.order_by("-id")[:REMEMBERED_EXCHANGES])
        if answer.answers
        for said in (
            prompt_message(answer.answers.content, parts.get(answer.answers.id, ())),
            ChatMessage("assistant", answer.content),
        )
    )


def prompt_message(prompt: str, attachments: Sequence[Mapping[str, Any]]) -> ChatMessage:
    """A prompt with its attachments."""
    if not attachments:
        return ChatMessage("user", prompt)
    text = [{"type": "text", "text": prompt}] if prompt else []
    return ChatMessage("user", prompt, {"role": "user", "content": [*text, *attachments]})
