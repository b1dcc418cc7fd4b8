"""Checks of a request to OpenAI's Chat Completions API, with the words of the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from assistant_site.simulator.errors import Rejection

_REASONING_MODEL = re.compile(r"^(o\d|gpt-5)(?!.*chat)")
_ROLES = ("developer", "system", "user", "assistant", "tool", "function")


def check(body: Mapping[str, Any]) -> None:
    """Raise ``Rejection`` as the API would."""
    if not body.get("model"):
        raise Rejection(400, "you must provide a model parameter")
    messages = body.get("messages")
    if messages is None:
        raise _missing("messages")
    if not isinstance(messages, list):
        raise _invalid("messages", "invalid_type", "expected an array of objects")
    if not messages:
        detail = (
            "empty array. Expected an array with minimum length 1, but got an empty array instead"
        )
        raise _invalid("messages", "empty_array", detail)
    for index, message in enumerate(messages):
        _check_message(index, message)
    _check_tool_turns(messages)
    _check_options(body)


def _check_message(index: int, message: Any) -> None:
    name = f"messages[{index}]"
    if not isinstance(message, dict):
        raise _invalid(name, "invalid_type", "expected an object")
    if "role" not in message:
        raise _missing(f"{name}.role")
    if message["role"] not in _ROLES:
        known = ", ".join(f"'{role}'" for role in _ROLES)
        text = f"Invalid value: '{message['role']}'. Supported values are: {known}."
        raise Rejection(400, text, error="invalid_value", param=f"{name}.role")
    if "content" not in message and message["role"] != "assistant":
        raise _missing(f"{name}.content")


def _check_tool_turns(messages: list[dict[str, Any]]) -> None:
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'."
                )
                raise Rejection(400, text, param=f"messages.[{index}].role")
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            break
        else:
            open_calls = {call["id"] for call in message.get("tool_calls") or ()}
    if open_calls:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to "
            f"each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(sorted(open_calls))}"
        )
        raise Rejection(400, text, param="messages")


def _check_options(body: Mapping[str, Any]) -> None:
    if body.get("n", 1) not in {1, None}:
        raise Rejection(
            400, "The simulator gives one choice.", error="unsupported_value", param="n"
        )
    if body.get("stream_options") and not body.get("stream"):
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Rejection(400, text, param="stream_options")
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema" and not (form.get("json_schema") or {}).get("name"):
        raise _missing("response_format.json_schema.name")
    if _REASONING_MODEL.match(body["model"]) and body.get("max_tokens") is not None:
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead."
        )
        raise Rejection(400, text, error="unsupported_parameter", param="max_tokens")


def _missing(param: str) -> Rejection:
    text = f"Missing required parameter: '{param}'."
    return Rejection(400, text, error="missing_required_parameter", param=param)


def _invalid(param: str, code: str, detail: str) -> Rejection:
    return Rejection(400, f"Invalid '{param}': {detail}.", error=code, param=param)
