"""Anthropic's messages.

Source: Anthropic's documentation, "Messages" and "Streaming messages".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from routing.domain.errors import ContextTooLong, ProviderError, ProviderOverloaded
from routing.llm.providers.answer_text import read_content
from routing.llm.providers.base import EventError, WholeAnswer, merge_usage
from routing.llm.providers.finish_reasons import FinishReason, read_finish


class Anthropic:
    """See ``Provider``. The base URL ends without ``/v1``."""

    name: ClassVar[str] = "anthropic"
    title: ClassVar[str] = "Anthropic"
    key_variable: ClassVar[str] = "ANTHROPIC_API_KEY"
    url_variable: ClassVar[str] = "ANTHROPIC_BASE_URL"
    url_suffix: ClassVar[str] = ""
    litellm_client: ClassVar[Literal["handler", "openai_sdk"]] = "handler"
    error_words: ClassVar[Mapping[str, type[ProviderError]]] = {
        "overloaded": ProviderOverloaded,
        "prompt is too long": ContextTooLong,
    }

    def endpoint(self, base_url: str | None) -> str:
        """See ``Provider``."""
        root = (base_url or "https://api.anthropic.com").rstrip("/")
        return f"{root.removesuffix('/v1/messages').removesuffix('/v1')}/v1/messages"

    def stream(self) -> AnthropicStream:
        """See ``Provider``."""
        return AnthropicStream()

    def whole(self, answer: Mapping[str, Any]) -> WholeAnswer:
        """See ``Provider``. Older models return JSON as the input of LiteLLM's one tool."""
        if answer.get("error"):
            raise EventError(answer)
        blocks = answer["content"]
        calls = [block for block in blocks if isinstance(block, dict) and "input" in block]
        inputs = [call["input"] for call in calls if call.get("type") == "tool_use"]
        text = json.dumps(inputs[0]) if inputs else read_content(blocks).text
        reason = answer.get("stop_reason")
        # That tool's input is the whole answer.
        finish = FinishReason.STOP if inputs and reason == "tool_use" else read_finish(reason)
        return WholeAnswer(text, finish, answer.get("usage"))


class AnthropicStream:
    """See ``StreamReader``: reads the events of a message."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.usage: dict[str, Any] | None = None
        self.done = False

    def read(self, event: Mapping[str, Any]) -> str | None:
        """See ``StreamReader``."""
        match event.get("type"):
            case "content_block_delta":
                return _delta_text(event["delta"])
            case "content_block_start":
                content = read_content([event["content_block"]])
                return content.text or ("" if content.thinks else None)
            case "message_start":
                self.usage = merge_usage(self.usage, event["message"].get("usage"))
            case "message_delta":
                # The output so far, and only the fields that changed.
                self.usage = merge_usage(self.usage, event.get("usage"))
                delta = event.get("delta") or {}
                self.finish = read_finish(delta.get("stop_reason"))
            case "message_stop":
                self.done = True
            case "error":
                raise EventError(event)
            case _:
                pass  # pings, and types that are newer than this code
        return None


def _delta_text(delta: Mapping[str, Any]) -> str | None:
    if delta.get("type") == "text_delta":
        return read_content(delta["text"]).text or None
    return "" if delta.get("type") == "thinking_delta" else None
