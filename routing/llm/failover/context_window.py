"""A shorter window on a conversation that does not fit: its oldest exchanges go first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from routing.domain.llm import ChatMessage
from routing.domain.pricing import estimated_tokens


def shortened(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...] | None:
    """Without the oldest exchanges, at least one and about half of what was said before.

    The system prompt and the last message stay. ``None`` when there is nothing else.
    """
    system = [message for message in messages if message.role == "system"]
    *before, last = [message for message in messages if message.role != "system"]
    starts = [index for index, message in enumerate(before) if message.role == "user"]
    if not before:
        return None
    sizes = [estimated_tokens(message.content) for message in before]
    half = sum(sizes) / 2
    kept = next((start for start in starts[1:] if sum(sizes[start:]) <= half), len(before))
    return (*system, *before[kept:], last)
