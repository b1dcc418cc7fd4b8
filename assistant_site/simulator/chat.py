"""Chat model of both wire formats: request, reply and events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Provider = Literal["openai", "anthropic"]
PROVIDERS: tuple[Provider, ...] = ("openai", "anthropic")
Finish = Literal["stop", "length", "content_filter", "tool"]

# A word with the space before it, at most six letters a piece: about what real tokenizers do.
_PIECE = re.compile(r"\s*[^\W_]{1,6}|\s*[^\w\s]|\s*_+|\s+", re.UNICODE)


def pieces(text: str) -> tuple[str, ...]:
    """``text`` in token-like pieces; joined they are ``text`` again."""
    return tuple(_PIECE.findall(text))


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message, all parts joined as text. ``role`` is user, assistant, tool or system; ``pictures``
    counts its pictures."""

    role: str
    text: str
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat request, of either provider.

    ``system`` is all system text joined. ``schema`` is the JSON schema the answer must obey and
    ``tool`` the name of the tool that is forced to carry it, where one is. ``json`` asks for any
    JSON object. ``max_tokens`` is ``None`` for no limit. ``thinks``: a thought is shown before the answer;
    ``logprobs`` is the number of alternatives to each token, ``None`` where none are asked for.
    ``cached`` is the share of the input that counts as cached.
    """

    provider: Provider
    model: str
    system: str
    turns: tuple[ChatTurn, ...]
    stream: bool = False
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    tool: str | None = None
    custom: bool = False
    json: bool = False
    include_usage: bool = False
    obfuscate: bool = True
    thinks: bool = False
    logprobs: int | None = None
    cached: float = 0.0

    @property
    def prompt(self) -> str:
        """The last user message's text, or nothing."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def input_tokens(self) -> int:
        """Tokens of all that was sent, with four more a message as chat formats cost."""
        texts = [self.system, *(turn.text for turn in self.turns)]
        return sum(len(pieces(text)) for text in texts if text) + 4 * len(self.turns)


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One answer in its token pieces, after the ``thought``. ``tool`` carries it when it is a tool's input;
    ``stop_sequence`` is the caller's own stop text, when that ended it."""

    pieces: tuple[str, ...]
    input_tokens: int
    finish: Finish = "stop"
    tool: str | None = None
    stop_sequence: str | None = None
    thought: tuple[str, ...] = ()
    cached_tokens: int = 0

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)

    @property
    def output_tokens(self) -> int:
        """Tokens as they are billed; empty pieces cost nothing."""
        return sum(1 for piece in self.pieces if piece) + len(self.thought)


@dataclass(frozen=True, slots=True)
class EventFrame:
    """One server-sent event before encoding. ``kind``: ``open`` before the first token,
    ``token``, or ``close`` after the last."""

    kind: Literal["open", "token", "close"]
    data: Any
    event: str | None = None


def limited(ask: ChatRequest, text: str, tool: str | None = None) -> ChatReply:
    """``text`` as the reply to ``ask``, within its stop texts and its token limit."""
    text, stop = _stopped(text, ask.stops)
    parts = pieces(text)
    if ask.max_tokens is not None and len(parts) > ask.max_tokens:
        return ChatReply(parts[: ask.max_tokens], ask.input_tokens, "length", tool)
    return ChatReply(parts, ask.input_tokens, "tool" if tool else "stop", tool, stop)


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    matches = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    if not matches:
        return text, None
    position, stop = min(matches)
    return text[:position], stop
