"""Thinking blocks: thoughts that a provider wants back, read from a stream and sent back unchanged.

Anthropic signs or seals them. A model that thinks wants the blocks of its last answer back beside the calls of tools
in it, each at its place. Source: Anthropic's documentation, "Extended thinking". DeepSeek and Moonshot want the text of
``reasoning_content`` back with each message that had one: a block of that type holds it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from routing.domain.llm import ChatMessage, ThinkingBlock

MOST_BLOCKS, MOST_CHARS = 256, 2_000_000
"""Blocks of an answer, and their characters together. Of an answer with more no further ones are kept."""
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
}
"""The fields of a block by its type; the last one is the seal, without which it is nothing."""

WANT_TEXT = frozenset({"deepseek", "moonshot"})
"""Providers, by LiteLLM's names, that want the text of their thoughts back."""
REASONING = "reasoning_content"

Block = Mapping[str, str]


def read_block(block: Any) -> Block | None:
    """A block in the form in which it goes back; ``None`` for what is none, has no seal, or can not be kept
    as it is."""
    fields = _FIELDS.get(str(block.get("type"))) if isinstance(block, Mapping) else None
    if fields is None:
        return None
    read = {name: block.get(name) or "" for name in fields}
    whole = all(isinstance(text, str) and _is_storable(text) for text in read.values())
    return {"type": str(block["type"]), **read} if whole and read[fields[-1]] else None


def _is_storable(text: str) -> bool:
    """PostgreSQL has no place for U+0000 in JSON, and no encoding has one for half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def blocks_of(content: Any) -> tuple[Block, ...]:
    """The blocks in the content of a whole answer."""
    listed = content if isinstance(content, list) else ()
    return tuple(read for block in listed if (read := read_block(block)))


class ThinkingReader:
    """Collector of the blocks of one stream: their texts and their seals come piece by piece."""

    def __init__(self) -> None:
        self._open: dict[Any, dict[str, list[str]]] = {}
        self._types: dict[Any, str] = {}

    def start(self, index: Any, block: Mapping[str, Any]) -> None:
        """A block of any type begins."""
        kind = str(block.get("type"))
        if kind in _FIELDS and len(self._open) < MOST_BLOCKS:
            self._types[index], self._open[index] = kind, {}
            self.add(index, block)

    def add(self, index: Any, pieces: Mapping[str, Any]) -> None:
        """Pieces of the fields of a block."""
        if (block := self._open.get(index)) is None:
            return
        for name in _FIELDS[self._types[index]]:
            if isinstance(piece := pieces.get(name), str) and piece:
                block.setdefault(name, []).append(piece)

    def stop(self, index: Any) -> tuple[Block, ...]:
        """The block, once it has ended."""
        pieces = self._open.pop(index, None)
        if pieces is None:
            return ()
        fields = {name: "".join(texts) for name, texts in pieces.items()}
        return blocks_of([{"type": self._types.pop(index), **fields}])

    def take(self, pieces: Any) -> tuple[Block, ...]:
        """The blocks that end with these pieces, in LiteLLM's form: of one block at a time, the signature
        last, and those that are sealed whole."""
        ended: list[Block] = []
        for piece in pieces if isinstance(pieces, list) else ():
            if not isinstance(piece, Mapping):
                continue
            if piece.get("type") != "thinking":
                ended += blocks_of([piece])
                continue
            if not self._open:
                self.start(0, {"type": "thinking"})
            self.add(0, piece)
            if piece.get("signature"):
                ended += self.stop(0)
        return tuple(ended)


class ThinkingBounds:
    """Bound on the blocks of one answer."""

    def __init__(self) -> None:
        self._blocks = self._chars = 0

    def take(self, blocks: Iterable[tuple[int, Block]]) -> list[tuple[int, Block]]:
        """Those of the blocks that are kept, with their places."""
        kept: list[tuple[int, Block]] = []
        for at, block in blocks:
            self._blocks += 1
            self._chars += sum(map(len, block.values()))
            if self._blocks <= MOST_BLOCKS and self._chars <= MOST_CHARS:
                kept.append((at, block))
        return kept


def brings_thinking(messages: Sequence[ChatMessage], provider: str) -> bool:
    """Whether the last answer in a chat begins with a thought of this provider."""
    last = next((each for each in reversed(messages) if each.role == "assistant"), None)
    return last is not None and any(each.at == 0 for each in _own(last, provider))


def with_thinking(form: dict[str, Any], message: ChatMessage, provider: str) -> dict[str, Any]:
    """The message in OpenAI's form with those of its blocks that this provider has made.

    LiteLLM puts ``thinking_blocks`` before the text. Blocks behind a part of the text are parts of the
    content, as far as it translates these: it knows no sealed ones there.
    """
    blocks, content = _own(message, provider), form.get("content")
    if not blocks:
        return form
    if provider in WANT_TEXT:
        said = "\n\n".join(each.block.get("text", "") for each in blocks)
        return {**form, REASONING: said}
    sealed = any("signature" not in each.block for each in blocks)
    if sealed or not isinstance(content, str) or not any(each.at for each in blocks):
        return {**form, "thinking_blocks": [dict(each.block) for each in blocks]}
    return {**form, "content": _parts(content, blocks)}


def _own(message: ChatMessage, provider: str) -> list[ThinkingBlock]:
    return [each for each in message.thinking if each.provider == provider]


def _parts(text: str, blocks: Sequence[ThinkingBlock]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    start = 0
    for each in blocks:
        parts += _text_part(text[start : each.at])
        parts.append(dict(each.block))
        start = max(start, each.at)
    return parts + _text_part(text[start:])


def _text_part(text: str) -> list[dict[str, Any]]:
    # Anthropic refuses a part of white space alone.
    return [{"type": "text", "text": text}] if text.strip() else []
