"""Anthropic's messages.

Source: Anthropic's documentation, "Messages" and "Streaming messages".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from routing.domain.errors import ContextTooLong, ProviderError, ProviderOverloaded
from routing.llm.providers.answer_text import read_content
from routing.llm.providers.base import (
    AnswerPiece,
    CallPiece,
    Credential,
    EventError,
    WholeAnswer,
    merge_usage,
)
from routing.llm.providers.finish_reasons import FinishReason, read_finish
from routing.llm.providers.thinking import ThinkingReader, blocks_of

JSON_TOOL = "json_tool_call"
"""LiteLLM's tool whose input is the whole answer, for older models that are asked for JSON."""


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

    def models_request(self, credential: Credential) -> tuple[str, Mapping[str, str]]:
        """See ``Provider``."""
        root = self.endpoint(credential.base_url).removesuffix("/messages")
        headers = {"x-api-key": credential.api_key, "anthropic-version": "2023-06-01"}
        return f"{root}/models?limit=1000", headers

    def stream(self) -> AnthropicStream:
        """See ``Provider``."""
        return AnthropicStream()

    def whole(self, answer: Mapping[str, Any]) -> WholeAnswer:
        """See ``Provider``."""
        if answer.get("error"):
            raise EventError(answer)
        blocks = answer["content"]
        calls = [block for block in blocks if isinstance(block, dict) and _is_call(block)]
        inputs = [call.get("input") for call in calls if call.get("name") == JSON_TOOL]
        content = read_content(blocks)
        finish, thinking = read_finish(answer.get("stop_reason")), _thinking_of(blocks)
        if inputs:
            told = FinishReason.STOP if finish is FinishReason.TOOL_CALLS else finish
            piece = AnswerPiece(json.dumps(inputs[0]), content.thought, thinking=thinking)
            return WholeAnswer(piece, told, answer.get("usage"))
        pieces = tuple(_call(index, block) for index, block in enumerate(calls))
        piece = AnswerPiece(content.text, content.thought, pieces, thinking=thinking)
        return WholeAnswer(piece, finish, answer.get("usage"))


class AnthropicStream:
    """See ``StreamReader``: reads the events of a message."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.usage: dict[str, Any] | None = None
        self.done = False
        self._blocks: dict[Any, bool] = {}  # of calls; true for the answer in JSON
        self._thinking = ThinkingReader()

    def read(self, event: Mapping[str, Any]) -> AnswerPiece | None:
        """See ``StreamReader``."""
        match event.get("type"):
            case "content_block_delta":
                return self._delta(event.get("index"), event["delta"])
            case "content_block_start":
                return self._start(event.get("index"), event["content_block"])
            case "content_block_stop":
                ended = self._thinking.stop(event.get("index"))
                return AnswerPiece(thinking=tuple((0, block) for block in ended)) if ended else None
            case "message_start":
                self.usage = merge_usage(self.usage, event["message"].get("usage"))
            case "message_delta":
                # The output so far, and only the fields that changed.
                self.usage = merge_usage(self.usage, event.get("usage"))
                delta = event.get("delta") or {}
                finish = read_finish(delta.get("stop_reason"))
                calls = self._blocks.values()
                in_json = finish is FinishReason.TOOL_CALLS and calls and all(calls)
                self.finish = FinishReason.STOP if in_json else finish
            case "message_stop":
                self.done = True
            case "error":
                raise EventError(event)
            case _:
                pass  # pings, and types that are newer than this code
        return None

    def _start(self, index: Any, block: Mapping[str, Any]) -> AnswerPiece | None:
        if _is_call(block):
            in_json = self._blocks[index] = block.get("name") == JSON_TOOL
            return None if in_json else AnswerPiece(calls=(_call(index, block),))
        self._thinking.start(index, block)
        content = read_content([block])
        shown = content.text or content.thinks
        return AnswerPiece(content.text, content.thought) if shown else None

    def _delta(self, index: Any, delta: Mapping[str, Any]) -> AnswerPiece | None:
        match delta.get("type"):
            case "text_delta":
                text = read_content(delta["text"]).text
                return AnswerPiece(text) if text else None
            case "thinking_delta":
                self._thinking.add(index, delta)
                thought = delta.get("thinking")
                return AnswerPiece(thought=thought if isinstance(thought, str) else "")
            case "signature_delta":
                self._thinking.add(index, delta)
                return None
            case "input_json_delta" if (
                index in self._blocks
            ):  # others are of the provider's own tools
                part = delta.get("partial_json")
                if self._blocks[index]:
                    return AnswerPiece(read_content(part).text)
                return AnswerPiece(calls=(CallPiece(index, arguments=part),))
            case _:
                return None


def _thinking_of(blocks: Sequence[Any]) -> tuple[tuple[int, Mapping[str, str]], ...]:
    """The thinking blocks of a whole answer, each with the characters of text before it."""
    length, found = 0, []
    for block in blocks:
        found += [(length, read) for read in blocks_of([block])]
        length += len(read_content([block]).text)
    return tuple(found)


def _is_call(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "tool_use"


def _call(index: Any, block: Mapping[str, Any]) -> CallPiece:
    # An input that is empty at the start comes in the events that follow.
    return CallPiece(index, block.get("id"), block.get("name"), block.get("input") or None)
