"""Token counts of requests, by us: before a model is asked, and where its provider tells none. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from routing.domain.llm import ChatMessage, ChatOptions, Usage, estimated_tokens

PICTURE_TOKENS = 1_500
"""Of a picture to look at: about the most that OpenAI and Anthropic count for one."""
TOKENS_PER_MESSAGE = 4
TEXT_BYTES, FILE_BYTES, SOUND_BYTES = 4, 32, 1_000
"""Bytes for each token of a file of text, of any other file (a page of 50 KB has about 1,500 tokens), and of
sound (some 16 tokens a second)."""
_TEXT = "data:text/"
_READ_OPTIONS = "tools", "response_format"
"""Options that the model reads with the messages."""


def request_tokens(messages: Sequence[ChatMessage], options: ChatOptions | None = None) -> int:
    """Roughly the tokens of a request: its texts, what messages have beside them, tools and formats."""
    given = (options[name] for name in _READ_OPTIONS if options and options.get(name))
    read = (estimated_tokens(json.dumps(one, ensure_ascii=False)) for one in given)
    return sum(map(_message_tokens, messages)) + sum(read)


def estimated_usage(
    prompt: Sequence[ChatMessage], output: str, options: ChatOptions | None = None
) -> Usage:
    """The usage of an attempt whose provider reported none, marked as estimated."""
    tokens = request_tokens(prompt, options)
    return Usage(input_tokens=tokens, output_tokens=estimated_tokens(output), estimated=True)


def _message_tokens(message: ChatMessage) -> int:
    tokens = estimated_tokens(message.content) + TOKENS_PER_MESSAGE
    for signed in message.thinking:
        tokens += sum(map(estimated_tokens, signed.block.values()))
    return tokens + (_form_tokens(message.form) if message.form else 0)


def _form_tokens(form: Mapping[str, Any]) -> int:
    """Of all that a message has beside its text."""
    content, calls = form.get("content"), form.get("tool_calls") or ()
    tokens = sum(map(_part_tokens, content)) if isinstance(content, list) else 0
    tokens += sum(estimated_tokens(json.dumps(call, ensure_ascii=False)) for call in calls)
    return tokens + estimated_tokens(form.get("reasoning_content") or "")


def _part_tokens(part: Mapping[str, Any]) -> int:
    match part["type"]:
        case "image_url":
            return PICTURE_TOKENS
        case "file":
            data = part["file"]["file_data"]
            return _decoded_bytes(data) // (TEXT_BYTES if data.startswith(_TEXT) else FILE_BYTES)
        case "input_audio":
            return _decoded_bytes(part["input_audio"]["data"]) // SOUND_BYTES
        case _:
            return 0  # a text, which is the message's own


def _decoded_bytes(base64: str) -> int:
    return len(base64) * 3 // 4
