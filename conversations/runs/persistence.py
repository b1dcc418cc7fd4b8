"""Storing how a run ended: again and again while the database is away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from django.db import DatabaseError

from conversations.db.threads import AWAY, written
from conversations.domain.errors import DatabaseAway
from conversations.domain.outcome import Outcome
from conversations.domain.problems import Problem
from conversations.engine.types import Degraded, Turn
from conversations.runs.run import Run
from conversations.storage import selectors, services
from conversations.storage.representations import message_object
from conversations.storage.turn_rows import ended_answer
from routing.domain.actions import ACTIONS

_log = structlog.get_logger("assistant.runs")

STORE_SECONDS = 15.0
"""How long listeners wait for the end of an answer that could not be stored at once."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
"""Seconds between two tries; doubled each time."""

Stored = tuple[dict[str, Any], Problem | None]
"""The message object, and the problem under which somebody else ended the answer meanwhile."""


async def store(run: Run, outcome: Outcome) -> Stored:
    """Store the outcome, for STORE_SECONDS if need be. Raises ``NotFound`` when the answer was deleted
    and ``DatabaseError``."""
    deadline, pause = time.monotonic() + STORE_SECONDS, FIRST_PAUSE
    while True:
        # Of a process that was paused in the middle of a try, the clock alone says that it is late.
        last = time.monotonic() > deadline
        try:
            return await written(_store, run.turn, outcome)
        except AWAY as exc:
            run.note(Degraded(DatabaseAway.part, str(exc)))
            if last:
                raise
            _log.warning("the answer is stored again soon", error=f"{type(exc).__name__}: {exc}")
            await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def store_late(turn: Turn, outcome: Outcome) -> None:
    """Store what listeners were told already, however long the database is away."""
    while True:
        try:
            await written(
                services.answer_finish, message=turn.message, outcome=outcome, begun=turn.begun
            )
        except AWAY:
            await asyncio.sleep(LONGEST_PAUSE)
        except DatabaseError as exc:
            _log.error("answer not stored", error=f"{type(exc).__name__}: {exc}")
            return
        else:
            return


def _store(turn: Turn, outcome: Outcome) -> Stored:
    stored = services.answer_finish(message=turn.message, outcome=outcome, begun=turn.begun)
    if stored and turn.begun and not _has_attachment(outcome):
        # The row need not be read back: all that is told of it was stored just now.
        return message_object(ended_answer(turn, turn.begun, outcome), origin=turn.origin), None
    message = selectors.message_get(user=turn.user, message=turn.message)
    return message_object(message, origin=turn.origin), None if stored else message.problem


def _has_attachment(outcome: Outcome) -> bool:
    return bool(outcome.decision and ACTIONS[outcome.decision.action].attachment)
