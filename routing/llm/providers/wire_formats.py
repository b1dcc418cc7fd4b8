"""What OpenAI-compatible and Anthropic models say: whole, or event by event without an object per token.

Sources: OpenAI's API reference, "The chat completion object" and "Chat completion chunk"; Anthropic's
documentation, "Messages" and "Streaming messages".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson


class EventError(Exception):
    """The provider reports an error in its stream. ``kind`` is its own name for it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class StreamReader(Protocol):
    """Hears one stream. ``finish`` is in OpenAI's words, ``None`` as long as the provider told none;
    ``usage`` is as the provider told it; after ``done`` nothing follows."""

    finish: str | None
    usage: dict[str, Any] | None
    done: bool

    def read(self, data: bytes) -> str | None:
        """The text of one event; ``""`` when the model thinks aloud, ``None`` when it says nothing.

        Raises ``EventError``, and ``ValueError`` for what is no event of this format.
        """
        ...


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer that was not streamed. ``finish`` and ``usage`` are as in ``StreamReader``; ``text`` is
    empty where the model said nothing."""

    text: str
    finish: str | None
    usage: Any


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How a provider's streams are heard, and its whole answers: ``whole`` raises what ``read`` does, and
    ``KeyError``, ``TypeError`` and the like for what is no answer of this format."""

    stream: Callable[[], StreamReader]
    whole: Callable[[bytes], WholeAnswer]


class OpenAIStream:
    """Chunks of a chat completion."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self.usage: dict[str, Any] | None = None
        self.done = False
        self._refused = False

    def read(self, data: bytes) -> str | None:
        """See ``StreamReader``."""
        if data == b"[DONE]":
            self.done = True
            return None
        chunk = _object(data)
        if error := chunk.get("error"):
            raise _openai_error(error)
        if usage := chunk.get("usage"):
            self.usage = usage
        choices = chunk.get("choices")
        return self._choice(choices[0]) if choices else None

    def _choice(self, choice: Mapping[str, Any]) -> str | None:
        delta = choice.get("delta") or {}
        if finish := choice.get("finish_reason"):
            self.finish = "content_filter" if self._refused else finish
        if text := delta.get("content"):
            return _text(text)
        self._refused = self._refused or bool(delta.get("refusal"))
        thinks = delta.get("reasoning_content") or delta.get("reasoning")
        return "" if thinks else None


_ANTHROPIC_FINISHES = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class AnthropicStream:
    """Events of a message."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self.usage: dict[str, Any] | None = None
        self.done = False

    def read(self, data: bytes) -> str | None:
        """See ``StreamReader``."""
        event = _object(data)
        match event.get("type"):
            case "content_block_delta":
                return _anthropic_delta(event["delta"])
            case "content_block_start":
                return _text(event["content_block"].get("text") or "") or None
            case "message_start":
                self._used(event["message"].get("usage"))
            case "message_delta":
                self._used(event.get("usage"))
                if reason := event["delta"].get("stop_reason"):
                    self.finish = _ANTHROPIC_FINISHES.get(reason, "stop")
            case "message_stop":
                self.done = True
            case "error":
                raise _anthropic_error(event.get("error") or {})
            case _:
                pass  # pings and the ends of blocks say nothing
        return None

    def _used(self, told: dict[str, Any] | None) -> None:
        """Later events tell the output so far, and only what has changed."""
        if told:
            self.usage = {**(self.usage or {}), **told}


def _anthropic_delta(delta: Mapping[str, Any]) -> str | None:
    if delta.get("type") == "text_delta":
        return _text(delta["text"]) or None
    return "" if delta.get("type") == "thinking_delta" else None


def openai_whole(data: bytes) -> WholeAnswer:
    """A chat completion. See ``WireFormat``."""
    told = _object(data)
    if error := told.get("error"):
        raise _openai_error(error)
    choice = told["choices"][0]
    message = choice["message"]
    finish = "content_filter" if message.get("refusal") else choice.get("finish_reason")
    return WholeAnswer(_text(message.get("content") or ""), finish, told.get("usage"))


def anthropic_whole(data: bytes) -> WholeAnswer:
    """A message. Older models give JSON as what they would call LiteLLM's one tool with. See
    ``WireFormat``."""
    told = _object(data)
    if error := told.get("error"):
        raise _anthropic_error(error)
    blocks = told["content"]
    texts = [_text(block["text"]) for block in blocks if block["type"] == "text"]
    calls = [block["input"] for block in blocks if block["type"] == "tool_use"]
    text = orjson.dumps(calls[0]).decode() if calls else "".join(texts)
    reason = told.get("stop_reason")
    finish = _ANTHROPIC_FINISHES.get(reason, "stop") if reason else None
    return WholeAnswer(text, finish, told.get("usage"))


OPENAI = WireFormat(OpenAIStream, openai_whole)
ANTHROPIC = WireFormat(AnthropicStream, anthropic_whole)


def _object(data: bytes) -> dict[str, Any]:
    """Raises ``ValueError`` for anything but a JSON object. Bytes that are no UTF-8 are replaced: one
    wrong byte is no reason to lose an answer."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = orjson.loads(data.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        raise ValueError("an event that is no object")  # noqa: TRY004 - a fault of the data, not of a type
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text that is no string")  # noqa: TRY004 - as above
    return value


def _openai_error(error: Any) -> EventError:
    if not isinstance(error, dict):
        return EventError("error", str(error))
    return EventError(str(error.get("code") or error.get("type")), str(error.get("message")))


def _anthropic_error(error: Any) -> EventError:
    return EventError(str(error.get("type")), str(error.get("message")))
