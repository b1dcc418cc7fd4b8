"""Crash recovery: an answer whose worker is gone is ended once, as interrupted, with the text it had."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError

from conversations.db.access import in_database, written
from conversations.domain.errors import RunInterrupted, RunLogUnavailable
from conversations.domain.outcome import RunOutcome
from conversations.domain.problems import Problem, problem_of
from conversations.engine.events import Event, Failed
from conversations.engine.types import CacheFacts
from conversations.models import Message
from conversations.runs.event_codec import script_of
from conversations.runs.event_log import RunLog
from conversations.runs.run import decided_event, is_terminal, text_of
from conversations.storage import selectors, turns
from routing.domain.llm import Attempt, Usage, estimated_tokens

_log = structlog.get_logger("assistant.runs")

LEASE_SECONDS = 10
"""Life of a lease that is not renewed, and the age below which a run may not have one yet."""
SECOND_LOOK_SECONDS = 1.0
"""Between two looks for a lease: a living worker renews it within, also after Redis lost it."""
SEARCH_SECONDS = 2.0


async def end_abandoned(log: RunLog, message: UUID) -> bool:
    """End an answer that no worker holds. ``False`` when one does, when Redis can't say, when it is
    too young to tell, or when somebody else ended it first."""
    if await log.leased(message) is not False:
        return False
    await asyncio.sleep(SECOND_LOOK_SECONDS)
    if await log.leased(message) is not False:
        return False
    try:
        events = await log.everything(message)
    except RunLogUnavailable:
        return False
    last = events[-1] if events and is_terminal(events[-1]) else None
    problem = problem_of(RunInterrupted(), instance=f"/api/v1/messages/{message}/")
    if isinstance(last, Failed):  # its worker died while it waited for the database
        problem = dict(last.problem)
    outcome = outcome_of_log(events, problem)
    booking = await in_database(selectors.booking_of, message=message)
    if booking:
        booking = replace(booking, unmetered=unmetered_calls(outcome))
    ended = await written(
        turns.answer_finish,
        message=message,
        outcome=replace(outcome, booking=booking),
        older_than=timedelta(seconds=LEASE_SECONDS),
    )
    if ended:
        _log.warning("an abandoned answer was ended", message=str(message))
        # Into a log that Redis lost it would go as the first event: readers take the stored answer.
        if last is None and events:
            with suppress(RunLogUnavailable):  # its followers then read the end from the database
                await log.seal(message, len(events) + 1, Failed(problem))
    return ended


def outcome_of_log(events: Sequence[Event], problem: Problem) -> RunOutcome:
    """The outcome of a run whose worker is gone, by its log. Its duration is not known."""
    decided = decided_event(events)
    return RunOutcome(
        status=Message.Status.FAILED,
        content=text_of(events),
        decision=decided.decision if decided else None,
        cache=decided.cache if decided else CacheFacts(),
        guard=decided.guard if decided else None,
        usage=Usage(estimated=True),
        finish_reason="error",
        first_token_ms=None,
        total_ms=0,
        attempts=(),
        degraded=(),
        script=script_of(events),
        problem=problem,
    )


def unmetered_calls(outcome: RunOutcome) -> tuple[Attempt, ...]:
    """The call behind the text of a log: its output is counted here, its input and its price are not known."""
    decision, text = outcome.decision, outcome.content
    if not (decision and decision.model and text) or outcome.cache.outcome in {"exact", "semantic"}:
        return ()
    usage = Usage(output_tokens=estimated_tokens(text), estimated=True, unpriced=1)
    model, provider = decision.model, decision.provider or ""
    return (Attempt("chat", model, provider, 0, 0, RunInterrupted.code, usage),)


async def search_abandoned(log: RunLog) -> None:
    """Look once for abandoned answers, and end them."""
    age = timedelta(seconds=LEASE_SECONDS)
    try:
        streaming = await in_database(selectors.answers_streaming, older_than=age)
    except DatabaseError as exc:
        _log.warning("no search for abandoned answers", error=type(exc).__name__)
        return
    await asyncio.gather(*(_ended(log, message) for message in streaming))


async def _ended(log: RunLog, message: UUID) -> None:
    try:
        await end_abandoned(log, message)
    except Exception:  # noqa: BLE001 - one that can't be ended must not keep the others from it
        _log.exception("an abandoned answer could not be ended", message=str(message))
