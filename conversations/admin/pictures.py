"""Pictures on pages of the history: those that models drew, and those that people attached."""

from __future__ import annotations

from django.db.models import Model
from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from conversations.admin.history import person_of
from conversations.models import GeneratedImage, Message, PromptAttachments
from conversations.storage.audit import audit


def picture_response(row: Model | None, media_type: str, data: bytes) -> HttpResponse:
    """The bytes of a picture, which no cache keeps. The audit log names the reader and the owner."""
    if row is not None:
        name = row._meta.model_name  # noqa: SLF001 - Django's documented name
        audit(f"{name}.viewed", row, person=person_of(row))
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(data, content_type=media_type, headers=headers)


def preview(image: GeneratedImage) -> SafeString:
    """A picture that was drawn."""
    address = reverse("admin:conversations_picture", args=[image.pk])
    return _element(address, image.alt, image.width, image.height)


def attached(message: Message) -> SafeString:
    """Those of a prompt; those of which no bytes are kept are only told. Empty where there are none."""
    rows = PromptAttachments.objects.filter(message=message)
    pictures = rows.values_list("pictures", flat=True).first() or []
    shown = [
        _element(
            reverse("admin:conversations_attachment", args=[message.pk, number]),
            f"Attached picture {number + 1}",
            facts["width"],
            facts["height"],
        )
        if facts
        else format_html("<p>Attached picture {}: not kept here.</p>", number + 1)
        for number, facts in enumerate(pictures)
    ]
    return format_html_join("", "{}", ((element,) for element in shown))


def _element(address: str, alt: str, width: int, height: int) -> SafeString:
    return format_html(
        '<img class="assistant-picture" src="{}" alt="{}" width="{}" height="{}" loading="lazy">',
        address,
        alt,
        width,
        height,
    )
