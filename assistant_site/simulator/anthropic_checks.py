"""Checks of a request to Anthropic's Messages API, with the words of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant_site.simulator.anthropic_thinking import is_genuine
from assistant_site.simulator.errors import Rejection


def check(body: Mapping[str, Any], *, counting: bool) -> None:
    """Raise ``Rejection`` as the API would."""
    needed = ("model", "messages") if counting else ("model", "max_tokens", "messages")
    for name in needed:
        if body.get(name) is None:
            raise Rejection(400, f"{name}: Field required")
    limit = body.get("max_tokens", 1)
    if not isinstance(limit, int) or limit < 1:
        raise Rejection(400, "max_tokens: Input should be greater than or equal to 1")
    temperature = body.get("temperature")
    budget = (body.get("thinking") or {}).get("budget_tokens", 0)
    if budget >= limit:
        raise Rejection(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if temperature is not None and not 0 <= temperature <= 1:
        raise Rejection(400, "temperature: range: 0..1")
    _check_messages(body["messages"])
    _check_thinking(body)


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        raise Rejection(400, "messages: Input should be a valid list")
    if not messages:
        raise Rejection(400, "messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(index, message)
    _check_tool_turns(messages)


def _check_message(index: int, message: Any) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if role == "system":
        text = (
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.'
        )
        raise Rejection(400, text)
    if role not in {"user", "assistant"}:
        raise Rejection(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
    if index == 0 and role != "user":
        raise Rejection(400, 'messages: first message must use the "user" role')
    if "content" not in message:
        raise Rejection(400, f"messages.{index}.content: Field required")
    if not message["content"]:
        raise Rejection(400, f"messages.{index}: {role} messages must have non-empty content")


def _check_tool_turns(messages: list[dict[str, Any]]) -> None:
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        results = {block.get("tool_use_id") for block in blocks_of([message], "tool_result")}
        if results - open_calls:
            text = (
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
            raise Rejection(400, text)
        if open_calls - results:
            break
        open_calls = {block["id"] for block in blocks_of([message], "tool_use")}
    if not open_calls:
        return
    text = (
        "messages: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(sorted(open_calls))}."
    )
    raise Rejection(400, text)


def _check_thinking(body: Mapping[str, Any]) -> None:
    """Thoughts come back as they were signed; one that thinks wants that of its last calls."""
    messages: list[dict[str, Any]] = body["messages"]
    for index, message in enumerate(messages):
        content = message["content"] if isinstance(message["content"], list) else []
        for at, block in enumerate(content):
            if isinstance(block, dict) and not is_genuine(block):
                field = "signature" if block["type"] == "thinking" else "data"
                place = f"messages.{index}.content.{at}"
                raise Rejection(400, f"{place}: Invalid `{field}` in `{block['type']}` block")
    thinks = (body.get("thinking") or {}).get("type") in {"enabled", "adaptive"}
    last = next((each for each in reversed(messages) if each["role"] == "assistant"), None)
    if not (thinks and last and role_of(messages[-1]) == "tool"):
        return
    first = last["content"][0]["type"] if isinstance(last["content"], list) else "text"
    if first not in {"thinking", "redacted_thinking"}:
        text = (
            f"messages.{messages.index(last)}.content.0.type: Expected `thinking` or "
            f"`redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final "
            "`assistant` message must start with a thinking block."
        )
        raise Rejection(400, text)


def blocks_of(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The content blocks of a kind."""
    return [
        block
        for message in messages
        if isinstance(message["content"], list)
        for block in message["content"]
        if isinstance(block, dict) and block.get("type") == kind
    ]


def role_of(message: dict[str, Any]) -> str:
    """``tool`` for a message with results of tools."""
    return "tool" if blocks_of([message], "tool_result") else str(message["role"])
