"""How much of a conversation fits a budget of tokens. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from routing.domain.llm import ChatMessage

Exchange = tuple[ChatMessage, ...]
"""A prompt and its answer: what is remembered or forgotten as one."""

OVERHEAD = 4
"""Tokens that a message takes beside its text: its role and its ends."""

GAP = "\n[…]\n"
_BYTES_PER_TOKEN = 4


def tokens(text: str) -> int:
    """About how many tokens a text has, without any provider's tokenizer: a token is some four bytes
    of UTF-8 in English and in Chinese alike."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def exchanges(messages: Iterable[ChatMessage]) -> list[Exchange]:
    """Prompts with their answers. What was never answered, or answers nothing, is left out."""
    found: list[Exchange] = []
    prompt: ChatMessage | None = None
    for message in messages:
        if message.role == "user":
            prompt = message
        elif message.role == "assistant" and prompt:
            found.append((prompt, message))
            prompt = None
    return found


def fitting(said: Sequence[Exchange], budget: int) -> tuple[Exchange, ...]:
    """The newest exchanges that fit ``budget`` tokens together, oldest first.

    The last one is always there, its longest message shortened in the middle where it must be: a
    follow-up to a long text is about that very text.
    """
    if not said:
        return ()
    kept = [_shortened(said[-1], budget)]
    left = budget - _cost(kept[0])
    for exchange in reversed(said[:-1]):
        left -= _cost(exchange)
        if left < 0:
            break
        kept.append(exchange)
    return tuple(reversed(kept))


def _cost(exchange: Exchange) -> int:
    return sum(tokens(message.content) + OVERHEAD for message in exchange)


def _shortened(exchange: Exchange, budget: int) -> Exchange:
    """The exchange within the budget: short messages stay whole, longer ones share what is left."""
    if _cost(exchange) <= budget:
        return exchange
    left = budget - OVERHEAD * len(exchange)
    contents: dict[int, str] = {}
    shortest_first = sorted(range(len(exchange)), key=lambda at: tokens(exchange[at].content))
    for done, at in enumerate(shortest_first):
        contents[at] = _cut(exchange[at].content, left // (len(exchange) - done))
        left -= tokens(contents[at])
    return tuple(replace(message, content=contents[at]) for at, message in enumerate(exchange))


def _cut(text: str, budget: int) -> str:
    """At most ``budget`` tokens of a text: two thirds from its beginning, the rest from its end."""
    if tokens(text) <= budget:
        return text
    data = text.encode("utf-8", "replace")
    room = max(budget * _BYTES_PER_TOKEN - len(GAP.encode()), 0)
    tail = room // 3
    head = room - tail
    end = data[len(data) - tail :].decode("utf-8", "ignore")
    return data[:head].decode("utf-8", "ignore") + GAP + end
