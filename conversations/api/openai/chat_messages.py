"""Messages of a chat in OpenAI's form: instructions, user's and assistant's turns, results of tools.

Each is read strictly and becomes a ``ChatMessage``: its text, and its whole form where it has more than
a text. No address in them is fetched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
)

from conversations.api.data_urls import check_base64, check_file_data, check_picture_url
from routing.domain.llm import ChatMessage

MAX_PARTS, MAX_CALLS = 2_048, 128


class Strict(BaseModel):
    """An object of the API without unknown fields."""

    model_config = ConfigDict(extra="forbid")


def _told_as(pattern: str) -> Any:
    return Field(json_schema_extra={"pattern": pattern})


# For the OpenAPI document: text in groups of four characters, and no empty one.
_BASE64 = "([A-Za-z0-9+/]{4})+$"
PictureURL = Annotated[
    StrictStr,
    AfterValidator(check_picture_url),
    _told_as(rf"^https://[^\s\x00-\x1f]+$|^data:image/(png|jpeg|gif|webp);base64,{_BASE64}"),
]
FileData = Annotated[
    StrictStr,
    AfterValidator(check_file_data),
    _told_as(rf"^data:[\w.+-]{{1,64}}/[\w.+-]{{1,100}};base64,{_BASE64}"),
]
Base64 = Annotated[StrictStr, AfterValidator(check_base64), _told_as(rf"^{_BASE64}")]


class CacheControl(Strict):
    """A mark up to which the provider keeps the prompt (Anthropic's prompt caching)."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextPart(Strict):
    """Text."""

    type: Literal["text"]
    text: StrictStr
    cache_control: CacheControl | None = None


class RefusalPart(Strict):
    """Text of an assistant that declined."""

    type: Literal["refusal"]
    refusal: StrictStr

    @property
    def text(self) -> str:
        """The refusal."""
        return self.refusal


class PictureAddress(Strict):
    """The address of a picture, and how closely the model looks at it."""

    url: PictureURL
    detail: Literal["auto", "low", "high"] | None = None


class PicturePart(Strict):
    """A picture to look at."""

    type: Literal["image_url"]
    image_url: PictureAddress
    cache_control: CacheControl | None = None


class FileObject(Strict):
    """A file's bytes. Uploaded files (``file_id``) are unknown here."""

    file_data: FileData
    filename: Annotated[StrictStr, Field(max_length=255)] | None = None


class FilePart(Strict):
    """A file to read."""

    type: Literal["file"]
    file: FileObject
    cache_control: CacheControl | None = None


class Audio(Strict):
    """Sound."""

    data: Base64
    format: Literal["wav", "mp3"]


class AudioPart(Strict):
    """Sound to listen to."""

    type: Literal["input_audio"]
    input_audio: Audio


class FunctionCall(Strict):
    """The name and the arguments of a call; the latter are the model's own text, perhaps no JSON.
    ``parsed_arguments`` are what a client's library has made of them."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    arguments: StrictStr
    parsed_arguments: Any = Field(default=None, exclude=True)


class ToolCallObject(Strict):
    """A call that an earlier answer asked for. Clients send the ``index`` of its stream back."""

    id: Annotated[StrictStr, Field(min_length=1, max_length=256)]
    type: Literal["function"] = "function"
    function: FunctionCall
    index: int | None = Field(default=None, exclude=True)


class CustomCall(Strict):
    """The name and the input of a call of a tool that takes any text."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    input: StrictStr


class CustomCallObject(Strict):
    """Such a call that an earlier answer asked for."""

    id: Annotated[StrictStr, Field(min_length=1, max_length=256)]
    type: Literal["custom"]
    custom: CustomCall
    index: int | None = Field(default=None, exclude=True)


def _with_type(call: Any) -> Any:
    """A call with its type, which some clients leave out of a function's."""
    return {"type": "function", **call} if isinstance(call, dict) else call


CallObject = Annotated[
    Annotated[ToolCallObject | CustomCallObject, Field(discriminator="type")],
    BeforeValidator(_with_type),
]
Name = Annotated[StrictStr, Field(max_length=64)]
_TextParts = Annotated[list[TextPart], Field(min_length=1, max_length=MAX_PARTS)]
_AnswerPart = Annotated[TextPart | RefusalPart, Field(discriminator="type")]
_UserPart = Annotated[TextPart | PicturePart | FilePart | AudioPart, Field(discriminator="type")]


class _Message(Strict):
    name: Name | None = None

    @property
    def parts(self) -> Sequence[BaseModel]:
        """The content as parts; none where it is a text or null."""
        content = getattr(self, "content", None)
        return content if isinstance(content, list) else ()

    @property
    def text(self) -> str:
        """The content's text alone."""
        content = getattr(self, "content", None)
        if isinstance(content, str):
            return content
        return "".join(getattr(part, "text", "") for part in self.parts)

    def form(self, role: str) -> dict[str, Any] | None:
        """The whole message, where it is more than a text."""
        named = {"name": self.name} if self.name else {}
        rich = any(map(_is_rich, self.parts))
        if not (rich or named):
            return None
        content = [_dumped(part) for part in self.parts] if rich else self.text
        return {"role": role, **named, "content": content}


def _is_rich(part: BaseModel) -> bool:
    marked = getattr(part, "cache_control", None) is not None
    return marked or not isinstance(part, TextPart | RefusalPart)


def _dumped(part: BaseModel) -> dict[str, Any]:
    if isinstance(part, RefusalPart):
        return {"type": "text", "text": part.refusal}
    return part.model_dump(exclude_none=True)


class InstructionMessage(_Message):
    """Instructions: ``developer`` is OpenAI's newer word for ``system``."""

    role: Literal["system", "developer"]
    content: StrictStr | _TextParts

    def chat_message(self) -> ChatMessage:
        """The message as models are asked."""
        return ChatMessage("system", self.text, self.form("system"))


class UserMessage(_Message):
    """The user's turn."""

    role: Literal["user"]
    content: StrictStr | Annotated[list[_UserPart], Field(min_length=1, max_length=MAX_PARTS)]

    @property
    def has_more_than_text(self) -> bool:
        """Whether there is a picture, a file or sound."""
        return any(not isinstance(part, TextPart) for part in self.parts)

    def chat_message(self) -> ChatMessage:
        """The message as models are asked."""
        return ChatMessage("user", self.text, self.form("user"))


class AssistantMessage(_Message):
    """An earlier answer. Fields that clients only send back (notes of their library) are read and left out.
    The text of a thought goes beside its calls, to models that want it back."""

    role: Literal["assistant"]
    content: (
        StrictStr | Annotated[list[_AnswerPart], Field(min_length=1, max_length=MAX_PARTS)] | None
    ) = None
    refusal: StrictStr | None = None
    tool_calls: Annotated[list[CallObject], Field(max_length=MAX_CALLS)] | None = None
    audio: None = None
    function_call: None = None
    annotations: Any = None
    parsed: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    provider_specific_fields: Any = None

    @property
    def said(self) -> str:
        """The text of the answer, or of its refusal."""
        return self.text or self.refusal or ""

    def chat_message(self) -> ChatMessage:
        """The message as models are asked."""
        form = self.form("assistant")
        if self.tool_calls:
            form = {"role": "assistant", "content": self.said or None, **(form or {})}
            form["tool_calls"] = [call.model_dump(exclude_none=True) for call in self.tool_calls]
            said = self.reasoning_content or self.reasoning
            if isinstance(said, str):
                form["reasoning_content"] = said
        return ChatMessage("assistant", self.said, form)


class ToolMessage(_Message):
    """The result of a call."""

    role: Literal["tool"]
    tool_call_id: Annotated[StrictStr, Field(min_length=1, max_length=256)]
    content: StrictStr | _TextParts

    def chat_message(self) -> ChatMessage:
        """The message as models are asked."""
        form = self.form("tool") or {"role": "tool", "content": self.text}
        return ChatMessage("tool", self.text, {**form, "tool_call_id": self.tool_call_id})


Message = Annotated[
    InstructionMessage | UserMessage | AssistantMessage | ToolMessage,
    Field(discriminator="role"),
]
