"""Items of OpenAI's Responses API: read strictly, kept as JSON, and put into the messages of a chat.

Calls of tools and texts of one answer are items of their own there, and one message in a chat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictStr

from conversations.api.openai.chat_messages import MAX_PARTS, FileData, PictureURL, Strict

MAX_ITEMS = 8_192
_ITEM_ID = re.compile(r"[a-z]{2,4}_([0-9a-f]{32})(?:_[a-z0-9]{1,8})?")
_RESPONSE_ID = re.compile(r"resp_([0-9a-f]{32})")
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
}

Item = Mapping[str, Any]
Placed = tuple[str, Item]
"""An item with its path in the request, ``input[0]``; of an earlier response, the field that names it."""

_Id = Annotated[StrictStr, Field(min_length=1, max_length=256)]


class TextItemPart(Strict):
    """Text of either side."""

    type: Literal["input_text", "output_text"]
    text: StrictStr
    annotations: Any = Field(default=None, exclude=True)
    logprobs: Any = Field(default=None, exclude=True)


class RefusalItemPart(Strict):
    """Text of an assistant that declined."""

    type: Literal["refusal"]
    refusal: StrictStr


class PictureItemPart(Strict):
    """A picture to look at. Uploaded files (``file_id``) are unknown here."""

    type: Literal["input_image"]
    image_url: PictureURL
    detail: Literal["auto", "low", "high"] | None = None
    file_id: None = None


class FileItemPart(Strict):
    """A file to read."""

    type: Literal["input_file"]
    file_data: FileData
    filename: Annotated[StrictStr, Field(max_length=255)] | None = None
    file_id: None = None
    file_url: None = None


_ItemPart = Annotated[
    TextItemPart | RefusalItemPart | PictureItemPart | FileItemPart, Field(discriminator="type")
]


class _Item(Strict):
    id: _Id | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class MessageItem(_Item):
    """A message of either side, or instructions."""

    type: Literal["message"]
    role: Literal["user", "assistant", "system", "developer"]
    content: StrictStr | Annotated[list[_ItemPart], Field(max_length=MAX_PARTS)]
    phase: Literal["commentary", "final_answer"] | None = None


class CallItem(_Item):
    """A call of a function that an earlier answer asked for."""

    type: Literal["function_call"]
    call_id: _Id
    name: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    arguments: StrictStr


class CallOutputItem(_Item):
    """The result of a call."""

    type: Literal["function_call_output"]
    call_id: _Id
    output: StrictStr | Annotated[list[TextItemPart], Field(min_length=1, max_length=MAX_PARTS)]


class ReasoningItem(_Item):
    """Thoughts of an earlier answer. No model needs them back."""

    type: Literal["reasoning"]
    summary: list[Any] | None = None
    content: Any = None
    encrypted_content: StrictStr | None = None


class ReferenceItem(Strict):
    """The id of a stored item, in the item's place."""

    type: Literal["item_reference"]
    id: _Id


InputItem = Annotated[
    MessageItem | CallItem | CallOutputItem | ReasoningItem | ReferenceItem,
    Field(discriminator="type"),
]


def with_type(item: Any) -> Any:
    """A raw item with its type, which messages and references may leave out, and without fields that are
    null: clients send back objects with more fields than are read here."""
    if not isinstance(item, dict):
        return item
    kind = "item_reference" if "id" in item and "role" not in item else "message"
    given = {name: value for name, value in item.items() if value is not None}
    return given if "type" in given else {"type": kind, **given}


def item_owner(item_id: str) -> UUID | None:
    """The answer whose response has an item of this id; ``None`` for an id that is not ours."""
    match = _ITEM_ID.fullmatch(item_id)
    return UUID(match[1]) if match else None


def answer_of(response: str) -> UUID | None:
    """The answer of a response, by its id; ``None`` for an id that is not ours."""
    match = _RESPONSE_ID.fullmatch(response)
    return UUID(match[1]) if match else None


def stored_items(items: Iterable[Item], answer: UUID) -> list[Item]:
    """Items as they are kept: each has an id and a status."""
    return [
        {"id": f"{_PREFIXES[item['type']]}_{answer.hex}_i{at}", "status": "completed", **item}
        for at, item in enumerate(items)
    ]


def chat_messages_of(items: Iterable[Placed]) -> tuple[list[dict[str, Any]], list[str]]:
    """The messages of a chat, in the form of chat completions, and the path of each."""
    messages: list[dict[str, Any]] = []
    paths: list[str] = []
    for path, item in items:
        last = messages[-1] if messages and messages[-1]["role"] == "assistant" else None
        match item["type"]:
            case "function_call" if last:
                last.setdefault("tool_calls", []).append(_call(item))
                continue
            case "function_call":
                message = {"role": "assistant", "content": None, "tool_calls": [_call(item)]}
            case "function_call_output":
                content = _content(item["output"])
                message = {"role": "tool", "tool_call_id": item["call_id"], "content": content}
            case "message" if item["role"] == "assistant" and last and last.get("tool_calls"):
                last["content"] = (last["content"] or "") + _text(item["content"])
                continue
            case "message" if item["role"] == "assistant":
                message = {"role": "assistant", "content": _text(item["content"])}
            case "message":
                message = {"role": item["role"], "content": _content(item["content"])}
            case _:
                continue
        messages.append(message)
        paths.append(path)
    return messages, paths


def _call(item: Item) -> dict[str, Any]:
    function = {"name": item["name"], "arguments": item["arguments"]}
    return {"id": item["call_id"], "type": "function", "function": function}


def _text(content: str | Sequence[Item]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or part.get("refusal") or "" for part in content)


def _content(content: str | Sequence[Item]) -> str | list[dict[str, Any]]:
    """The content in the form of chat completions: parts only where there is more than one text."""
    parts = [] if isinstance(content, str) else [_part(part) for part in content]
    if all(part["type"] == "text" for part in parts) and len(parts) < 2:
        return _text(content)
    return parts


def _part(part: Item) -> dict[str, Any]:
    match part["type"]:
        case "input_image":
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
        case "input_file":
            named = {"filename": part["filename"]} if part.get("filename") else {}
            return {"type": "file", "file": {"file_data": part["file_data"], **named}}
        case _:
            return {"type": "text", "text": _text([part])}
