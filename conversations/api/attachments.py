"""Attachments of prompts: pictures read at the door, shown to a model that sees pictures, and served to their owner."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pydantic_core import PydanticCustomError

from conversations.adapters.memory import exchanges, fitting
from conversations.api.abilities import lacking_options
from conversations.api.data_urls import check_picture_url
from conversations.api.images import picture_response, stored_picture, viewer_of
from conversations.api.requests import field_fault
from conversations.api.responses import file_type
from conversations.bootstrap import Container
from conversations.db.access import in_database
from conversations.domain.errors import BadRequest, NotFound
from conversations.engine.types import CallerChat
from conversations.storage.attachments import (
    attachment_get,
    data_url,
    measured,
    prompt_message,
)
from routing.common.translatable import Translatable, counted
from routing.domain.llm import ChatMessage
from routing.domain.rules import RuleSet

Parts = tuple[Mapping[str, Any], ...]
MAX_PICTURES = 20
"""Pictures of one prompt."""
_ATTACHED = re.compile(r"/api/v1/messages/([0-9a-f-]{36})/attachments/([0-9]{1,2})/")


def attachment(request: HttpRequest, message: UUID, number: int) -> HttpResponseBase:
    """``GET /messages/{id}/attachments/{number}/``: the picture's bytes. That of another person is not found."""
    picture = attachment_get(user=viewer_of(request), message=message, number=number)
    return picture_response(
        HttpResponse(picture.data, content_type=file_type(request, picture.media_type))
    )


async def read_attachments(body: Mapping[str, Any], *, user: int, site: str) -> Parts:
    """The pictures of a body's ``attachments``, as parts in OpenAI's form. Raises ``BadRequest`` at the place
    of one that can not be read."""
    given = body.get("attachments")
    if given is None:
        return ()
    if not isinstance(given, list):
        raise field_fault("attachments", "wrong_type", "Must be a list.")
    if len(given) > MAX_PICTURES:
        raise too_many_pictures("attachments")
    urls = {f"attachments[{at}].url": _url(each, at) for at, each in enumerate(given)}
    parts = await read_pictures(urls, user=user, site=site)
    for place, part in zip(urls, parts, strict=True):
        # Here pictures are shown again, so their bytes must be kept.
        if await asyncio.to_thread(measured, part["image_url"]["url"]) is None:
            detail = Translatable(
                "Must be a PNG, JPEG, GIF or WebP picture, as a data URL or an address of this service."
            )
            raise field_fault(place, "invalid", detail)
    return parts


def _url(given: Any, at: int) -> str:
    place = f"attachments[{at}]"
    if not isinstance(given, dict):
        raise field_fault(place, "wrong_type", "Must be an object.")
    if given.get("type", "image") != "image":
        raise field_fault(f"{place}.type", "unsupported_value", "Only pictures are taken here.")
    if not isinstance(given.get("url"), str):
        raise field_fault(f"{place}.url", "wrong_type", "Must be a string.")
    return str(given["url"])


async def read_pictures(pictures: Mapping[str, str], *, user: int, site: str) -> Parts:
    """Pictures as parts in OpenAI's form: those of this service with their bytes, other addresses as they
    are. Raises ``BadRequest`` at the place of one that can not be read."""
    urls = [await _readable(place, url, user, site) for place, url in pictures.items()]
    return tuple({"type": "image_url", "image_url": {"url": url}} for url in urls)


def too_many_pictures(place: str) -> BadRequest:
    """The error of more pictures than a prompt may bring."""
    detail = counted(
        "Send {count} picture at most.", "Send {count} pictures at most.", count=MAX_PICTURES
    )
    return field_fault(place, "too_many", detail)


async def _readable(place: str, url: str, user: int, site: str) -> str:
    try:
        own = url.removeprefix(site)
        if own.startswith("/api/v1/images/"):
            return await in_database(stored_picture, address=own, user=user)
        if found := _ATTACHED.fullmatch(own):
            return await in_database(_attached, found[1], int(found[2]), user)
        return check_picture_url(url)
    except PydanticCustomError as error:
        fault = Translatable.of((error.context or {})["detail"])
        raise field_fault(place, "invalid", Translatable("{fault}.", fault=fault)) from None
    except NotFound:
        raise field_fault(place, "not_found", "There is no such picture.") from None


def _attached(message: str, number: int, user: int) -> str:
    try:
        named = UUID(message)
    except ValueError:
        raise NotFound("There is no such picture.") from None
    return data_url(attachment_get(user=user, message=named, number=number))


async def pictured_chat(
    parts: Container,
    rules: RuleSet,
    history: Sequence[ChatMessage],
    prompt: str,
    attachments: Parts,
    *,
    model: str,
    place: str,
) -> CallerChat | None:
    """The chat that a model is asked in a conversation with pictures. ``None``: earlier ones alone, and not
    every model sees them, so that the texts must do. Raises ``BadRequest`` at ``place`` where no model sees those
    of the prompt."""
    fitted = fitting(exchanges(history), settings.MEMORY_TOKENS)
    earlier = (each for exchange in fitted for each in exchange)
    asked = prompt_message(prompt, attachments)
    chat = CallerChat((*earlier, asked), {}, plain=False, kept=True, reused=False, shortens=True)
    lacking = [option for _, option in await lacking_options(parts, rules, model, chat)]
    if not attachments:
        return None if any(lacking) else chat
    if lacking and all(lacking):
        raise field_fault(place, "unsupported_value", "No model that may answer sees pictures.")
    return chat
