"""Answers whose worker is gone: ended honestly, once, by whoever notices, with the text they had."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError

from conversations.db.threads import in_database, written
from conversations.domain.errors import RunInterrupted, RunLogUnavailable
from conversations.domain.problems import problem_of
from conversations.engine.events import Failed
from conversations.runs.event_log import RunLog
from conversations.runs.event_queries import is_terminal
from conversations.runs.outcome import outcome_of_log
from conversations.storage import selectors, services

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
    told = events[-1] if events and is_terminal(events[-1]) else None
    problem = problem_of(RunInterrupted(), instance=f"/api/v1/messages/{message}/")
    if isinstance(told, Failed):  # its worker died while it waited for the database
        problem = dict(told.problem)
    ended = await written(
        services.answer_finish,
        message=message,
        outcome=outcome_of_log(events, problem),
        older_than=timedelta(seconds=LEASE_SECONDS),
    )
    if ended:
        _log.warning("an abandoned answer was ended", message=str(message))
        if told is None:
            with suppress(RunLogUnavailable):  # its followers then read the end from the database
                await log.append(message, len(events) + 1, [Failed(problem)])
    return ended


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
