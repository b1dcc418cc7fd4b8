"""Abilities: the things that some models can do and others can't, and those that a chat needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from routing.domain.llm import ChatMessage, ChatOptions


class Ability(StrEnum):
    """A thing that some models can do and others can't, by the API's name."""

    TOOLS = "tools"
    CUSTOM_TOOLS = "custom_tools"
    JSON_SCHEMA = "json_schema"
    IMAGE_INPUT = "image_input"
    FILE_INPUT = "file_input"
    AUDIO_INPUT = "audio_input"
    REASONING = "reasoning"
    LOGPROBS = "logprobs"


_PARTS: Mapping[Any, Ability] = {
    "image_url": Ability.IMAGE_INPUT,
    "file": Ability.FILE_INPUT,
    "input_audio": Ability.AUDIO_INPUT,
}


def needed_abilities(
    messages: Sequence[ChatMessage], options: ChatOptions
) -> Mapping[Ability, str]:
    """The abilities that a chat asks of its model, each with the parameter that needs it."""
    needed = {
        ability: "messages"
        for message in messages
        if message.form
        for ability in _needed_by(message.form)
    }
    if options.get("logprobs"):
        needed[Ability.LOGPROBS] = "logprobs"
    if (options.get("response_format") or {}).get("type") == "json_schema":
        needed[Ability.JSON_SCHEMA] = "response_format"
    if tools := options.get("tools"):
        needed[Ability.TOOLS] = "tools"
        if any(map(_is_custom, tools)):
            needed[Ability.CUSTOM_TOOLS] = "tools"
    return needed


def _is_custom(tool: Mapping[str, Any]) -> bool:
    """Whether a tool, or a call of one, takes any text instead of JSON."""
    return tool.get("type") == "custom"


def _needed_by(form: Mapping[str, Any]) -> set[Ability]:
    content = form.get("content")
    parts = content if isinstance(content, list) else ()
    kinds = {part.get("type") for part in parts if isinstance(part, Mapping)}
    called = form.get("tool_calls") or ()
    calls = {Ability.TOOLS} if called or form.get("role") == "tool" else set()
    if any(map(_is_custom, called)):
        calls.add(Ability.CUSTOM_TOOLS)
    return calls | {_PARTS[kind] for kind in kinds if kind in _PARTS}
