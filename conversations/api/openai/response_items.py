"""Items of OpenAI's Responses API: read strictly, and kept as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictStr, WithJsonSchema

from conversations.api.openai.chat_messages import MAX_PARTS, FileData, PictureURL, Strict

MAX_ITEMS = 8_192
_ITEM_ID = re.compile(r"[a-z]{2,4}_([0-9a-f]{32})(?:_[a-z0-9]{1,8})?")
_ANSWER_ITEM_ID = re.compile(r"(?:msg|fc|ctc|rs)_([0-9a-f]{32})(?:_[0-9]{1,8})?")
_RESPONSE_ID = re.compile(r"resp_([0-9a-f]{32})")
ID_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
}
"""The beginning of an item's id by its type."""

Item = Mapping[str, Any]
Placed = tuple[str, Item]
"""An item with its path in the request, ``input[0]``; of an earlier response, the field that names it."""

_Id = Annotated[StrictStr, Field(min_length=1, max_length=256)]


def _may_be_null(kind: str) -> WithJsonSchema:
    # ``with_type`` has put the type in by then.
    return WithJsonSchema({"type": ["string", "null"], "enum": [kind, None]})


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

    type: Annotated[Literal["message"], _may_be_null("message")] = "message"
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


class CustomCallItem(_Item):
    """A call of a tool that takes any text."""

    type: Literal["custom_tool_call"]
    call_id: _Id
    name: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    input: StrictStr


class CustomCallOutputItem(_Item):
    """The result of such a call."""

    type: Literal["custom_tool_call_output"]
    call_id: _Id
    output: StrictStr | Annotated[list[TextItemPart], Field(min_length=1, max_length=MAX_PARTS)]


class ReasoningItem(_Item):
    """Thoughts of an earlier answer. What its provider wants back of them is stored here: the item only
    names the answer."""

    type: Literal["reasoning"]
    summary: list[Any] | None = None
    content: Any = None
    encrypted_content: StrictStr | None = None


class ReferenceItem(Strict):
    """The id of a stored item, in the item's place."""

    type: Annotated[Literal["item_reference"], _may_be_null("item_reference")] = "item_reference"
    id: _Id


InputItem = Annotated[
    MessageItem
    | CallItem
    | CallOutputItem
    | CustomCallItem
    | CustomCallOutputItem
    | ReasoningItem
    | ReferenceItem,
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


def answer_of_item(item_id: Any) -> UUID | None:
    """The answer that an item of this id is a part of; ``None`` for an item of an input."""
    match = _ANSWER_ITEM_ID.fullmatch(item_id) if isinstance(item_id, str) else None
    return UUID(match[1]) if match else None


def answer_of(response: str) -> UUID | None:
    """The answer of a response, by its id; ``None`` for an id that is not ours."""
    match = _RESPONSE_ID.fullmatch(response)
    return UUID(match[1]) if match else None


def stored_items(items: Iterable[Item], answer: UUID) -> list[Item]:
    """Items as they are kept: each has an id and a status."""
    return [
        {"id": f"{ID_PREFIXES[item['type']]}_{answer.hex}_i{at}", "status": "completed", **item}
        for at, item in enumerate(items)
    ]
