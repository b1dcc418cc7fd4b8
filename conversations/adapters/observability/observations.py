"""A finished turn as a tree of observations: what is told of it, whichever backend is told.

Pure: no vendor's names, no I/O. With ``capture=False`` nothing that a person or a model wrote is in
the tree: no prompts, answers, reasons, error texts or comments; codes, counts and times remain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from conversations.engine.types import Step, StepKind, TraceRecord
from routing.domain.llm import Attempt

Level = Literal["DEFAULT", "WARNING", "ERROR"]

ROOT_NAME = "ask"


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


def root_of(trace: TraceRecord, *, capture: bool) -> Observation:
    """The API call, with a child for each step and below it one for each call to a model."""
    children = tuple(_of_step(step, capture=capture) for step in trace.steps)
    return Observation(
        name=ROOT_NAME,
        kind="span",
        started_ns=trace.started_ns,
        ended_ns=trace.ended_ns,
        input=trace.turn.prompt if capture else None,
        output=trace.content if capture else None,
        level=_level_of(trace),
        status=trace.error if capture else "",
        metadata=_facts(trace, capture=capture),
        children=children,
    )


def tags_of(trace: TraceRecord) -> tuple[str, ...]:
    """Words to filter traces by: few values each, none of them a person's."""
    decision, guard = trace.decision, trace.guard
    tags = [f"status:{trace.status}", f"cache:{trace.cache.outcome}"]
    if decision is not None:
        tags += [f"action:{decision.action.value}", f"source:{decision.source.value}"]
        tags += ["fallback"] if decision.fallback else []
    if guard is not None:
        tags.append(f"guard:{guard.verdict}")
    tags += [f"degraded:{part}" for part in sorted({gone.part for gone in trace.degraded})]
    return tuple(tags)


def _level_of(trace: TraceRecord) -> Level:
    if trace.status == "failed":
        return "ERROR"
    return "WARNING" if trace.degraded or trace.status == "stopped" else "DEFAULT"


def _facts(trace: TraceRecord, *, capture: bool) -> dict[str, Any]:
    turn = trace.turn
    facts = {
        "request_id": turn.request_id or None,
        "message": str(turn.message),
        "status": trace.status,
        "requested_model": turn.requested_model,
        "cache": _cache(trace),
        "usage": _usage(trace),
        "degraded": _degraded(trace, capture=capture) or None,
        **_decision(trace, capture=capture),
    }
    if trace.guard is not None:
        facts["guard"] = asdict(trace.guard)
    return {name: value for name, value in facts.items() if value is not None}


def _cache(trace: TraceRecord) -> dict[str, Any]:
    facts = trace.cache
    entry = str(facts.entry) if facts.entry else None
    return {"outcome": facts.outcome, "similarity": facts.similarity, "entry": entry}


def _usage(trace: TraceRecord) -> dict[str, Any]:
    usage = trace.usage
    cost = None if usage.cost_usd is None else str(usage.cost_usd)
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": cost,
        "estimated": usage.estimated,
    }


def _decision(trace: TraceRecord, *, capture: bool) -> dict[str, Any]:
    decision = trace.decision
    if decision is None:
        return {}
    answered = trace.answered_by
    return {
        "ruleset": decision.ruleset,
        "route": {
            "action": decision.action.value,
            "source": decision.source.value,
            "rule": decision.rule,
            "provider": answered.provider if answered else decision.provider,
            "model": answered.name if answered else decision.model,
            "fallback": decision.fallback,
            **({"reason": decision.reason} if capture else {}),
        },
    }


def _degraded(trace: TraceRecord, *, capture: bool) -> list[dict[str, str]]:
    return [
        {"part": gone.part, **({"detail": gone.detail} if capture else {})}
        for gone in trace.degraded
    ]


def _of_step(step: Step, *, capture: bool) -> Observation:
    attempts = tuple(_of_attempt(attempt, capture=capture) for attempt in step.attempts)
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
        children=attempts,
    )


def _of_attempt(attempt: Attempt, *, capture: bool) -> Observation:
    return Observation(
        name=f"{attempt.operation} {attempt.model}",
        kind="embedding" if attempt.operation == "embedding" else "generation",
        started_ns=attempt.started_ns,
        ended_ns=attempt.ended_ns,
        input=[asdict(message) for message in attempt.prompt] or None if capture else None,
        output=attempt.output or None if capture else None,
        level=_attempt_level(attempt),
        status=_attempt_status(attempt, capture=capture),
        metadata=_attempt_facts(attempt),
        attempt=attempt,
    )


def _attempt_level(attempt: Attempt) -> Level:
    if attempt.ok:
        return "DEFAULT"
    return "WARNING" if attempt.outcome == "cancelled" else "ERROR"


def _attempt_status(attempt: Attempt, *, capture: bool) -> str:
    if attempt.ok:
        return ""
    detail = attempt.detail if capture else ""
    return f"{attempt.outcome}: {detail}" if detail else attempt.outcome


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
