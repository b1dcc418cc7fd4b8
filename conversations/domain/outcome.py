"""Outcome of a run: the facts that storage and statistics are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conversations.domain.booking import Booking
from conversations.domain.problems import Problem
from conversations.engine.types import CacheFacts, Degraded, Speculated
from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, ThinkingBlock, Usage
from routing.domain.rules import Decision


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: all that is stored of it. Times in milliseconds. Without a ``booking`` the ledger is
    told nothing. ``thinking`` are the thoughts that the provider wants back, of a response that is kept."""

    status: str
    content: str
    decision: Decision | None
    cache: CacheFacts
    guard: GuardReport | None
    usage: Usage
    finish_reason: str
    first_token_ms: int | None
    total_ms: int
    attempts: Sequence[Attempt]
    degraded: Sequence[Degraded]
    script: Sequence[Any]
    problem: Problem | None = None
    booking: Booking | None = None
    thinking: Sequence[ThinkingBlock] = ()
    speculated: Speculated | None = None
