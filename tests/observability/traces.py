"""Finished turns to tell of, and what the tests look for in them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from conversations.engine.types import CacheFacts, Degraded, Step, TraceRecord, Turn
from routing.domain.actions import Action
from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, ChatMessage, Usage
from routing.domain.rules import Decision, Source

START = 1_790_000_000_000_000_000
PROMPT = "Prove that there are infinitely many primes, says Rosalind."
ANSWER = "Suppose there were finitely many, then multiply them and add one."
MS = 1_000_000

DECISION = Decision(
    action=Action.ANSWER,
    source=Source.CLASSIFIER_FALLBACK,
    provider="anthropic",
    model="claude-sonnet",
    rule="complex-reasoning",
    reason="Rosalind asks for a proof",
    ruleset=12,
    fallback=True,
)


def at(milliseconds: float) -> int:
    """Unix nanoseconds, counted from the start of the turn."""
    return START + int(milliseconds * MS)


def new_turn(**changes: Any) -> Turn:
    """A first turn of user 7."""
    turn = Turn(
        user=7,
        conversation=uuid7(),
        message=uuid7(),
        user_message=uuid7(),
        prompt=PROMPT,
        first=True,
        trace_id=secrets.token_hex(16),
        request_id="req-1",
    )
    return replace(turn, **changes)


def attempt(
    operation: Any, model: str, provider: str, start: float, end: float, **more: Any
) -> Attempt:
    """A call to a model between two milliseconds of the turn; a good one unless told otherwise."""
    made = Attempt(
        operation=operation,
        model=model,
        provider=provider,
        started_ns=at(start),
        ended_ns=at(end),
        outcome="ok",
        prompt=(ChatMessage("user", PROMPT),),
    )
    return replace(made, **more)


def classify_step() -> Step:
    """Claude is overloaded, the small OpenAI model decides."""
    failed = attempt(
        "classify", "claude-haiku", "anthropic", 10, 15,
        outcome="provider_error", detail="overloaded: Rosalind",
    )  # fmt: skip
    decided = attempt(
        "classify", "gpt-mini", "openai", 15, 40,
        output='{"rule": "complex-reasoning"}', usage=Usage(90, 12, Decimal("0.00004")),
    )  # fmt: skip
    return Step(
        "classify", "span", at(9), at(41), PROMPT, {"rule": "complex-reasoning"},
        attempts=(failed, decided),
    )  # fmt: skip


def generate_step() -> Step:
    """The first model answers with its first token after 412 ms."""
    answered = attempt(
        "chat", "claude-sonnet", "anthropic", 45, 2800,
        output=ANSWER, usage=Usage(41, 212, Decimal("0.003315")),
        first_token_ms=412.0, finish_reason="stop",
    )  # fmt: skip
    return Step("generate", "span", at(44), at(2801), None, ANSWER, attempts=(answered,))


def new_trace(turn: Turn | None = None, **changes: Any) -> TraceRecord:
    """A whole answer: guard, lookup, classification by the second model, generation, write-back."""
    guard = GuardReport("pass", 0.02, ("none",))
    steps = (
        Step("guard", "guardrail", at(1), at(2), PROMPT, {"verdict": "pass"}),
        Step("lookup_answer", "retriever", at(3), at(8), PROMPT, {"outcome": "miss"}),
        classify_step(),
        generate_step(),
        Step("remember", "span", at(2802), at(2810), None, {"stored_for_reuse": True}),
    )
    trace = TraceRecord(
        turn=turn or new_turn(),
        started_ns=at(0),
        ended_ns=at(2820),
        status="complete",
        content=ANSWER,
        steps=steps,
        decision=DECISION,
        guard=guard,
        cache=CacheFacts("miss"),
        usage=Usage(131, 224, Decimal("0.003355")),
        degraded=(Degraded("memory", "Rosalind's memory timed out"),),
    )
    return replace(trace, **changes)


def image_trace() -> TraceRecord:
    """A picture was drawn."""
    drawn = attempt("image", "gpt-image", "openai", 5, 900, prompt=(), output="")
    step = Step(
        "draw", "tool", at(4), at(901), "a cat", "https://example.test/cat.png", attempts=(drawn,)
    )
    decision = replace(DECISION, action=Action.IMAGE, source=Source.CLASSIFIER, fallback=False)
    return new_trace(steps=(step,), decision=decision, content="a cat", degraded=())


def fixed_uuid7(milliseconds: int) -> UUID:
    """A UUIDv7 of this Unix time."""
    return UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | 5)
