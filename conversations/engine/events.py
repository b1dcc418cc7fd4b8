"""Events of an answer: one closed union of frozen classes, in the order of this grammar.

``Started (Decided (Token | Thought | Logprobs | ToolCall | Reset | Noticed)*)? (Finished | Failed)``. Names and bodies on the wire
are in ``conversations.api.sse``; the codec and the stored replay follow from the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from conversations.engine.types import CacheFacts
from routing.domain.guard import GuardReport
from routing.domain.rules import Decision


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt is stored; no provider was called yet."""

    conversation: UUID
    message: UUID
    user_message: UUID


@dataclass(frozen=True, slots=True)
class Decided:
    """The action and the answer's source are known."""

    decision: Decision
    cache: CacheFacts
    guard: GuardReport


@dataclass(frozen=True, slots=True)
class Token:
    """Text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """Text of the model's thinking, never empty; only in answers to a caller's own chat."""

    text: str


@dataclass(frozen=True, slots=True)
class Logprobs:
    """The log probabilities of the ``Token`` that follows, one object per token of the model, as in
    OpenAI's ``logprobs.content``."""

    tokens: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A piece of a tool call that the caller shall make. Fields as in ``ToolCallDelta``: the id and the
    name are in the first piece of each ``index``, ``arguments`` are put together."""

    index: int
    call_id: str
    name: str
    arguments: str
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The model broke off after its first token; another starts over. Discard the text so far."""

    reason: str
    from_model: str
    to_model: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """A change during the answer that the user should see."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end: ``message`` is the stored message object, ready for JSON."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The end: ``problem`` is an RFC 9457 object, ready for JSON."""

    problem: Mapping[str, Any]


Event = (
    Started | Decided | Token | Thought | Logprobs | ToolCall | Reset | Noticed | Finished | Failed
)
