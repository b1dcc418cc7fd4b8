"""Items of OpenAI's Responses API as the messages of a chat.

Calls of tools and texts of one answer are items of their own there, and one message in a chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from conversations.api.openai.chat_encoder import call_fields
from conversations.api.openai.response_items import Item, Placed, answer_of_item


@dataclass(slots=True)
class ItemsAsChat:
    """The messages of a chat, in the form of chat completions, with the path of each, and the earlier answers
    that each is made of: those of its items, and of the thoughts before them."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[list[UUID]] = field(default_factory=list)
    _thoughts: list[UUID] = field(default_factory=list)
    _said: list[str] = field(default_factory=list)
    """The texts of thoughts as the caller has them: they count where none are stored."""

    def add(self, path: str, item: Item) -> None:
        """The next item: a message of its own, or a part of the last one."""
        answer = answer_of_item(item.get("id"))
        made = [answer] if answer else []
        if item["type"] == "reasoning":
            self._thoughts += made
            self._said += filter(None, map(_summary, item.get("summary") or ()))
            return
        message = _message(item)
        if not self._goes_on(message):
            self.messages.append(message)
            self.paths.append(path)
            self.answers.append([])
        if message["role"] == "assistant":
            self.answers[-1] += [*self._thoughts, *made]
            self._thoughts.clear()
            if self._said:
                self.messages[-1].setdefault("reasoning_content", "\n\n".join(self._said))
                self._said.clear()

    def _goes_on(self, message: dict[str, Any]) -> bool:
        """Put a call to the last answer, and a text that follows calls; whether that was possible."""
        last: dict[str, Any] = self.messages[-1] if self.messages else {"role": ""}
        calls = message.get("tool_calls")
        if not last["role"] == message["role"] == "assistant" or not (
            calls or last.get("tool_calls")
        ):
            return False
        if calls:
            last.setdefault("tool_calls", []).extend(calls)
        else:
            last["content"] = (last["content"] or "") + message["content"]
        return True


def chat_of(items: Iterable[Placed]) -> ItemsAsChat:
    """The chat that the items are."""
    chat = ItemsAsChat()
    for path, item in items:
        chat.add(path, item)
    return chat


def _message(item: Item) -> dict[str, Any]:
    """An item as a message of its own."""
    match item["type"]:
        case "function_call" | "custom_tool_call":
            return {"role": "assistant", "content": None, "tool_calls": [_call(item)]}
        case "function_call_output" | "custom_tool_call_output":
            content = _content(item["output"])
            return {"role": "tool", "tool_call_id": item["call_id"], "content": content}
        case _ if item["role"] == "assistant":
            return {"role": "assistant", "content": _text(item["content"])}
        case _:
            return {"role": item["role"], "content": _content(item["content"])}


def _call(item: Item) -> dict[str, Any]:
    kind, text = call_fields(custom=item["type"] == "custom_tool_call")
    called = {"name": item["name"], text: item[text]}
    return {"id": item["call_id"], "type": kind, kind: called}


def _summary(part: Any) -> str:
    said = part.get("text") if isinstance(part, dict) else None
    return said if isinstance(said, str) else ""


def _text(content: str | Sequence[Item]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or part.get("refusal") or "" for part in content)


def _content(content: str | Sequence[Item]) -> str | list[dict[str, Any]]:
    """The content in the form of chat completions: parts only where there is more than one text."""
    parts = [] if isinstance(content, str) else [_part(part) for part in content]
    if all(part["type"] == "text" for part in parts) and len(parts) < 2:
        return _text(content)
    return parts


def _part(part: Item) -> dict[str, Any]:
    match part["type"]:
        case "input_image":
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
        case "input_file":
            named = {"filename": part["filename"]} if part.get("filename") else {}
            return {"type": "file", "file": {"file_data": part["file_data"], **named}}
        case _:
            return {"type": "text", "text": _text([part])}
