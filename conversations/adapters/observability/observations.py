"""Observations: a finished turn as a tree, and feedback as a score, for any tracing backend.

Pure: no vendor's names, no I/O. With ``capture=False`` the tree has no text of users and models: no
prompts, answers, reasons, error texts or comments; codes, counts and times remain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from conversations.engine.types import Step, StepKind, TraceRecord
from routing.domain.llm import Attempt, ChatMessage

Level = Literal["DEFAULT", "WARNING", "ERROR"]

ROOT_NAME, SCORE_NAME = "ask", "user-feedback"


@dataclass(frozen=True, slots=True)
class Observation:
    """One line of a trace. Times are Unix nanoseconds; ``attempt`` makes it a call to a model."""

    name: str
    kind: StepKind
    started_ns: int
    ended_ns: int
    input: Any = None
    output: Any = None
    level: Level = "DEFAULT"
    status: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    attempt: Attempt | None = None
    children: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """A user's feedback on an answer; ``verdict`` ``None`` takes it back.

    ``id`` and ``timestamp`` depend on the message alone: the backend takes a score with both the same
    for a change of the earlier one, not for another.
    """

    trace_id: str
    message: UUID
    verdict: str | None
    comment: str = ""

    @property
    def id(self) -> str:
        """One score per message, under all verdicts."""
        return f"feedback-{self.message}"

    @property
    def value(self) -> float:
        """1 for good, 0 for bad."""
        return 1.0 if self.verdict == "good" else 0.0

    @property
    def timestamp(self) -> datetime | None:
        """The time in the message's UUIDv7 (RFC 9562: 48 bits of milliseconds)."""
        if self.message.version != 7:
            return None
        return datetime.fromtimestamp((self.message.int >> 80) / 1000, UTC)


def root_of(trace: TraceRecord, *, capture: bool) -> Observation:
    """The API call, with a child for each step and below it one for each call to a model."""
    level: Level = "WARNING" if trace.degraded or trace.status == "stopped" else "DEFAULT"
    return Observation(
        name=ROOT_NAME,
        kind="span",
        started_ns=trace.started_ns,
        ended_ns=trace.ended_ns,
        input=trace.turn.prompt if capture else None,
        output=trace.content if capture else None,
        level="ERROR" if trace.status == "failed" else level,
        status=trace.error if capture else "",
        metadata=_facts(trace, capture=capture),
        children=tuple(_of_step(step, capture=capture) for step in trace.steps),
    )


def tags_of(trace: TraceRecord) -> tuple[str, ...]:
    """Words to filter traces by: few values each, no texts of users."""
    decision, guard = trace.decision, trace.guard
    tags = [f"status:{trace.status}", f"cache:{trace.cache.outcome}"]
    if decision is not None:
        tags += [f"action:{decision.action.value}", f"source:{decision.source.value}"]
        tags += ["fallback"] if decision.fallback else []
    if guard is not None:
        tags.append(f"guard:{guard.verdict}")
    tags += [f"degraded:{part}" for part in sorted({each.part for each in trace.degraded})]
    return tuple(tags)


def _facts(trace: TraceRecord, *, capture: bool) -> dict[str, Any]:
    turn, cache, usage = trace.turn, trace.cache, trace.usage
    facts = {
        "request_id": turn.request_id or None,
        "message": str(turn.message),
        "status": trace.status,
        "requested_model": turn.requested_model,
        "cache": {
            "outcome": cache.outcome,
            "similarity": cache.similarity,
            "entry": str(cache.entry) if cache.entry else None,
        },
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": None if usage.cost_usd is None else str(usage.cost_usd),
            "estimated": usage.estimated,
        },
        "degraded": [
            {"part": each.part, **({"detail": each.detail} if capture else {})}
            for each in trace.degraded
        ]
        or None,
        "client": dict(turn.notes) if turn.notes and capture else None,
        **_decision(trace, capture=capture),
        "guard": asdict(trace.guard) if trace.guard else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _decision(trace: TraceRecord, *, capture: bool) -> dict[str, Any]:
    decision = trace.decision
    if decision is None:
        return {}
    return {
        "ruleset": decision.ruleset,
        "route": {
            "action": decision.action.value,
            "source": decision.source.value,
            "rule": decision.rule,
            "provider": decision.provider,
            "model": decision.model,
            "fallback": decision.fallback,
            **({"reason": decision.reason} if capture else {}),
        },
    }


def _of_step(step: Step, *, capture: bool) -> Observation:
    stopped = step.error.startswith("CancelledError")
    error = "stopped" if stopped else step.error
    return Observation(
        name=step.name,
        kind=step.kind,
        started_ns=step.started_ns,
        ended_ns=step.ended_ns,
        input=step.input if capture else None,
        output=step.output if capture else None,
        level="WARNING" if stopped else "ERROR" if error else "DEFAULT",
        # The class of the error says no more than what went wrong; its text may quote a prompt.
        status=error if capture else error.partition(":")[0],
        children=tuple(_of_attempt(attempt, capture=capture) for attempt in step.attempts),
    )


def _of_attempt(attempt: Attempt, *, capture: bool) -> Observation:
    failed: Level = "WARNING" if attempt.outcome == "cancelled" else "ERROR"
    status = "" if attempt.ok else attempt.outcome
    if status and capture and attempt.detail:
        status += f": {attempt.detail}"
    return Observation(
        name=f"{attempt.operation} {attempt.model}",
        kind="embedding" if attempt.operation == "embedding" else "generation",
        started_ns=attempt.started_ns,
        ended_ns=attempt.ended_ns,
        # An empty prompt or output is no fact: it would look like a model that was asked nothing.
        input=[_message(message) for message in attempt.prompt] or None if capture else None,
        output=attempt.output or None if capture else None,
        level="DEFAULT" if attempt.ok else failed,
        status=status,
        metadata=_attempt_facts(attempt),
        attempt=attempt,
    )


def _attempt_facts(attempt: Attempt) -> dict[str, Any]:
    facts = {
        "operation": attempt.operation,
        "provider": attempt.provider,
        "outcome": attempt.outcome,
        "finish_reason": attempt.finish_reason,
        "first_token_ms": attempt.first_token_ms,
        "usage_estimated": attempt.usage.estimated or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _message(message: ChatMessage) -> dict[str, Any]:
    """A message for the trace: its text and its tool calls. Pictures and files stay out: they are large,
    and the trace's server is another's."""
    form = message.form or {}
    calls = {name: form[name] for name in ("tool_calls", "tool_call_id") if name in form}
    return {"role": message.role, "content": message.content, **calls}
