"""Answer text: the visible words of an answer, from content in any form that servers send.

``read_content`` takes a content field of the wire apart. ``AnswerText`` cleans the pieces of one answer
and sets thoughts apart: servers without a field for them write them in tags at the beginning of the
text (DeepSeek-R1, Qwen3, Magistral, Kimi, Seed-OSS, gpt-oss). The same tag later is text.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from routing.common.text import TextCleaner, first_visible

_THOUGHT_TAGS = {f"<{name}>": f"</{name}>" for name in (
    "think", "thinking", "thought", "thoughts", "reasoning", "seed:think",
)} | {
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel|>analysis<|message|>": "<|channel|>final<|message|>",
}  # fmt: skip
"""Opening and closing tags, in any letter case."""
_CLOSING = {
    closing.lower(): re.compile(re.escape(closing), re.IGNORECASE)
    for closing in _THOUGHT_TAGS.values()
}
_OPENING = {opening.lower(): closing.lower() for opening, closing in _THOUGHT_TAGS.items()}
_TAGS = (*_OPENING, *_CLOSING)
_LONGEST_TAG = max(map(len, _TAGS))
_ANY_OPENING, _ANY_CLOSING = (
    re.compile("|".join(map(re.escape, tags)), re.IGNORECASE) for tags in (_OPENING, _CLOSING)
)
_MOST_BLANKS = 1_000
"""Invisible characters that are kept before the first visible one."""
_MOST_THOUGHTS = 100
"""Thoughts before an answer; a tag after them is text."""
_THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking", "thought", "summary_text")


class Content(NamedTuple):
    """A content field: its text, and whether it holds a thought or the model's own refusal; ``thought`` is
    the thought's text, where it is shown."""

    text: str
    thinks: bool = False
    refused: bool = False
    thought: str = ""


def read_content(value: Any) -> Content:
    """A content field that is text, a list of typed parts, one part, or nothing.

    Unknown parts are passed over. Raises ``ValueError`` for anything else.
    """
    if isinstance(value, str):
        return Content(value)
    if value is None:
        return Content("")
    parts = [value] if isinstance(value, dict) else value
    if not isinstance(parts, list):
        raise ValueError("a text that is no string")  # noqa: TRY004 - a fault of the data, not of a type
    read = [_read_part(part) for part in parts]
    return Content(
        "".join(part.text for part in read),
        any(part.thinks for part in read),
        any(part.refused for part in read),
        "".join(part.thought for part in read),
    )


def _read_part(part: Any) -> Content:
    if isinstance(part, str):
        return Content(part)
    if not isinstance(part, dict):
        return Content("")
    kind = str(part.get("type") or "text")
    if kind in _THOUGHT_PARTS or part.get("thought") is True:
        return Content("", thinks=True, thought=_thought(part))
    if kind == "refusal":
        return Content("", refused=True)
    text = part.get("text") if kind in {"text", "output_text"} else None
    if isinstance(text, dict):
        text = text.get("value")
    if text is not None and not isinstance(text, str):
        raise ValueError("a part of text that is no string")
    return Content(text or "")


def _thought(part: dict[str, Any]) -> str:
    """The text of a part that is a thought; some servers write it as a list of texts."""
    said = next(filter(None, map(part.get, ("thinking", "reasoning", "text"))), None)
    texts = said if isinstance(said, list) else [said]
    texts = [text.get("text") if isinstance(text, dict) else text for text in texts]
    return "".join(text for text in texts if isinstance(text, str))


class AnswerText:
    """Filter of one answer's text, piece by piece.

    Nothing leaves before the first visible character that is no thought; from there on each piece
    leaves as it comes. Memory is bounded and the work is linear: of a thought only the length of a
    tag is kept, once ``take_thought`` took the rest.
    """

    def __init__(self) -> None:
        self._cleaner = TextCleaner()
        self._held = ""
        self._closing: str | None = None
        self._thoughts = 0
        self._said: list[str] = []
        self.visible = False
        """Whether text left."""

    def feed(self, piece: str) -> str:
        """The text that may be shown now."""
        text = self._cleaner.clean(piece)
        return text if self.visible else self._seek(text)

    def end(self) -> str:
        """The rest at the end of the answer; a thought without an end is none of it."""
        rest = self._cleaner.end()
        return rest if self.visible else self._seek(rest, last=True)

    def take_thought(self) -> str:
        """The text between tags since the last call."""
        said, self._said = "".join(self._said), []
        return said

    def _seek(self, text: str, *, last: bool = False) -> str:
        held, at = self._held + text, 0
        while True:
            if self._closing:
                tag = _CLOSING[self._closing].search(held, at)
                if tag is None:
                    # The last of these characters may begin the tag that the next piece ends.
                    edge = len(held) if last else max(at, len(held) - len(self._closing) + 1)
                    self._said.append(held[at:edge])
                    self._held = held[edge:]
                    return ""
                self._said.append(held[at : tag.start()])
                at, self._closing = tag.end(), None
            start = first_visible(held, at)
            if start is None:
                self._held = held[max(at, len(held) - _MOST_BLANKS) :]
                return ""
            head = held[start : start + _LONGEST_TAG].lower()
            known = next(filter(head.startswith, _TAGS), None)
            if known and self._thoughts < _MOST_THOUGHTS:
                at, self._closing = start + len(known), _OPENING.get(known)
                self._thoughts += 1
            elif not last and any(tag.startswith(head) for tag in _TAGS):
                self._held = held[at:]
                return ""
            else:
                self._held, self.visible = "", True
                return held[start if self._thoughts else at :]


def leave_out_thoughts(text: str) -> str:
    """A whole answer without the thoughts before it; empty where nothing visible is left.

    A template may have put the opening tag into the prompt. While an answer streams that can't be told
    from text; here all text before a closing tag is a thought, except in JSON.
    """
    shown = _shown(text)
    if shown.lstrip().startswith(("{", "[", "`")) or _ANY_OPENING.search(shown):
        return shown
    tags = [*_ANY_CLOSING.finditer(shown)]
    return _shown(shown[tags[-1].end() :]) if tags else shown


def _shown(text: str) -> str:
    answer = AnswerText()
    shown = answer.feed(text) + answer.end()
    return shown if answer.visible else ""
