"""Request of ``POST /api/chat``: of the chat that it holds, only the last user turn and ids are read.

Keys and parts of a message that are not known are ignored: front ends add their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from conversations.api.attachments import MAX_PICTURES, too_many_pictures
from conversations.api.requests import field_fault, named_model, optional_text
from conversations.storage.rewinding import ShownChat
from routing.common.text import first_visible
from routing.common.translatable import Translatable
from routing.domain.errors import PromptRejected
from routing.guard.validation import label_faults, validate_prompt

MAX_CHAT_ID, MAX_MESSAGE_ID = 64, 200
REGENERATE = "regenerate-message"
_TRIGGERS = "submit-message", REGENERATE


@dataclass(frozen=True, slots=True)
class UIChatRequest:
    """``chat`` is the client's own id of its chat, ``model`` a published name or empty. ``pictures`` are the
    addresses of the prompt's pictures, by their places in the body."""

    chat: str
    model: str
    shown: ShownChat
    pictures: Mapping[str, str]


def parse_chat_request(body: Mapping[str, Any]) -> UIChatRequest:
    """Raises ``BadRequest``, ``PromptRejected`` and ``PromptTooLong``, each with the place of the fault."""
    fields = dict(body)
    chat = optional_text(fields, "id", max_length=MAX_CHAT_ID)
    if not chat:
        raise field_fault("id", "required", "Send the id of the chat.")
    for fault in label_faults(chat):
        raise field_fault("id", fault.code, fault.detail)
    trigger = fields.get("trigger")
    if trigger is not None and trigger not in _TRIGGERS:
        raise field_fault(
            "trigger",
            "invalid",
            Translatable("Must be one of {values}.", values=", ".join(_TRIGGERS)),
        )
    model = named_model(fields)
    named = optional_text(fields, "messageId", max_length=MAX_MESSAGE_ID)
    shown, pictures = _shown(fields, regenerates=trigger == REGENERATE)
    shown = replace(shown, replaces=bool(named), named=_ours(named))
    return UIChatRequest(chat, model, shown, pictures)


def _shown(body: Mapping[str, Any], *, regenerates: bool) -> tuple[ShownChat, Mapping[str, str]]:
    messages, message, path = body.get("messages"), body.get("message"), "messages"
    if not (message is None or isinstance(message, dict)):
        raise field_fault("message", "wrong_type", "Must be a message.")
    if messages is None:
        if message is None and regenerates:
            return ShownChat("", regenerates), {}
        messages, path = [message], "message"
    if not isinstance(messages, list) or not messages:
        raise field_fault(path, "wrong_type", "Must be a list of messages.")
    last = len(messages) - 1
    while regenerates and last > 0 and _role(messages[last]) != "user":
        last -= 1
    place = path if path == "message" else f"messages[{last}]"
    prompt, pictures = _prompt(messages[last], place)
    answer = next((each for each in messages[last::-1] if _role(each) == "assistant"), None)
    shown = ShownChat(
        prompt,
        regenerates,
        last_answer=_ours(answer.get("id")) if answer else None,
        is_first=path == "messages" and answer is None,
    )
    return shown, pictures


def _prompt(message: Any, place: str) -> tuple[str, Mapping[str, str]]:
    if _role(message) != "user":
        raise field_fault(place, "invalid", "The last message must be the user's.")
    parts = message.get("parts")
    if not isinstance(parts, list):
        raise field_fault(f"{place}.parts", "wrong_type", "Must be a list of parts.")
    placed = [(f"{place}.parts[{at}]", part) for at, part in enumerate(parts)]
    text = "".join(_text(part, at) for at, part in placed)
    files = [
        (at, each) for at, each in placed if isinstance(each, dict) and each.get("type") == "file"
    ]
    if len(files) > MAX_PICTURES:
        raise too_many_pictures(files[-1][0])
    pictures = {f"{at}.url": _picture(part, at) for at, part in files}
    if pictures and first_visible(text) is None:
        return "", pictures
    try:
        return validate_prompt(text, max_chars=settings.PROMPT_MAX_CHARS), pictures
    except PromptRejected as error:
        faults = (replace(fault, field=f"{place}.parts") for fault in error.faults)
        raise type(error)(*faults) from error


def _text(part: Any, place: str) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "text"}:
            raise field_fault(f"{place}.text", "wrong_type", "Must be a string.")
        case _:
            return ""


def _picture(part: Mapping[str, Any], place: str) -> str:
    kind, url = part.get("mediaType"), part.get("url")
    if not (isinstance(kind, str) and kind.lower().startswith("image/")):
        raise field_fault(
            f"{place}.mediaType", "unsupported_value", "Only pictures are taken here."
        )
    if not isinstance(url, str):
        raise field_fault(f"{place}.url", "wrong_type", "Must be a string.")
    return url


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _ours(message: Any) -> UUID | None:
    """An id as one of this service's, which are UUIDs."""
    with suppress(ValueError):
        return UUID(message) if isinstance(message, str) else None
    return None
