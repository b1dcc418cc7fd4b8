"""What is stored of a run: from what it knows when it ends, or from the log it left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conversations.domain.outcome import Outcome
from conversations.domain.problems import Problem
from conversations.engine.events import Event
from conversations.engine.types import CacheFacts
from conversations.models import Message
from conversations.runs.event_queries import decided, spoken
from conversations.runs.run import Run
from conversations.runs.stored_replay import script_of
from routing.domain.llm import Usage


def outcome_of(run: Run, problem: Problem | None) -> Outcome:
    """The outcome of a run that answered, was stopped, or failed with ``problem``."""
    answer, told = run.answer, decided(run.events)
    status = Message.Status.FAILED if problem else Message.Status.COMPLETE
    if answer is None and problem is None:
        status = Message.Status.STOPPED
    return Outcome(
        status=status,
        content=answer.content if answer else spoken(run.events),
        decision=answer.decision if answer else (told.decision if told else None),
        cache=answer.cache if answer else (told.cache if told else CacheFacts()),
        guard=answer.guard if answer else (told.guard if told else None),
        usage=run.usage,
        finish_reason=_finish_reason(run, problem),
        first_token_ms=run.first_token_ms,
        total_ms=run.elapsed_ms,
        attempts=run.attempts,
        degraded=run.degraded,
        script=script_of(run.events),
        problem=problem,
    )


def failed(outcome: Outcome, problem: Problem) -> Outcome:
    """The same answer, told to its listeners as one that failed; it keeps its text."""
    return replace(outcome, status=Message.Status.FAILED, problem=problem, finish_reason="error")


def _finish_reason(run: Run, problem: Problem | None) -> str:
    if run.answer:
        return run.answer.finish_reason
    return "error" if problem else "stop"


def outcome_of_log(events: Sequence[Event], problem: Problem) -> Outcome:
    """The outcome of a run whose worker is gone; how long it took nobody knows."""
    told = decided(events)
    return Outcome(
        status=Message.Status.FAILED,
        content=spoken(events),
        decision=told.decision if told else None,
        cache=told.cache if told else CacheFacts(),
        guard=told.guard if told else None,
        usage=Usage(estimated=True),
        finish_reason="error",
        first_token_ms=None,
        total_ms=0,
        attempts=(),
        degraded=(),
        script=script_of(events),
        problem=problem,
    )
