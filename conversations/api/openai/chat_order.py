"""Order of a chat's messages: the user's turns, the assistant's with its calls, the results of its tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from conversations.api.openai.chat_messages import (
    AssistantMessage,
    InstructionMessage,
    ToolMessage,
)
from conversations.api.openai.errors import ParameterFault


def check_order(messages: Sequence[Any]) -> None:
    """The last turn is the user's, or has results of tools; each call has its result at once. Raises
    ``ParameterFault`` at the message that is wrong."""
    spoken = [
        (at, message)
        for at, message in enumerate(messages)
        if not isinstance(message, InstructionMessage)
    ]
    if not spoken:
        return  # the last instructions are the prompt
    at, last = spoken[-1]
    if isinstance(last, AssistantMessage) and not last.tool_calls:
        detail = "The last message beside instructions must be the user's, or the result of a tool."
        raise ParameterFault(f"messages[{at}].role", detail, "unsupported_value")
    for at, message in spoken:
        if isinstance(message, AssistantMessage):
            _check_said(at, message)
    _check_results(spoken)


def _check_said(at: int, message: AssistantMessage) -> None:
    if message.content is None and not message.tool_calls and message.refusal is None:
        detail = "It may be null only beside tool_calls or a refusal."
        raise ParameterFault(f"messages[{at}].content", detail)
    ids = [call.id for call in message.tool_calls or ()]
    for number, call in enumerate(ids):
        if call in ids[:number]:
            detail = f"The id {call[:64]!r} is there twice."
            raise ParameterFault(f"messages[{at}].tool_calls[{number}].id", detail)


def _check_results(spoken: Iterable[tuple[int, Any]]) -> None:
    """Each result answers a call of the assistant's message before it, and no call is left open."""
    open_calls: set[str] = set()
    caller = 0
    for at, message in spoken:
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                detail = f"No call {message.tool_call_id[:64]!r} of the assistant's message before waits for it."
                raise ParameterFault(f"messages[{at}].tool_call_id", detail)
            open_calls.discard(message.tool_call_id)
            continue
        if open_calls:
            break
        caller = at
        calls = message.tool_calls if isinstance(message, AssistantMessage) else None
        open_calls = {call.id for call in calls or ()}
    if open_calls:
        missing = ", ".join(sorted(open_calls))[:300]
        detail = f"Each tool call must be followed by its result; these have none: {missing}."
        raise ParameterFault(f"messages[{caller}]", detail)


def results_at_end(messages: Sequence[Any]) -> Iterator[str]:
    """The ids of the calls whose results are the end of the chat; none where it ends otherwise."""
    for message in reversed(messages):
        if isinstance(message, InstructionMessage):
            continue
        if not isinstance(message, ToolMessage):
            return
        yield message.tool_call_id


def places_of_parts(messages: Sequence[Any]) -> Mapping[str, str]:
    """The path of the first part of each type beside text, by the type."""
    places: dict[str, str] = {}
    for at, message in enumerate(messages):
        for number, part in enumerate(message.parts):
            kind = getattr(part, "type", "text")
            if kind not in {"text", "refusal"}:
                places.setdefault(kind, f"messages[{at}].content[{number}]")
    return places
