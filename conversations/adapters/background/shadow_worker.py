"""Versions in shadow: asked after the answer, kept beside the message, never acted on."""

from __future__ import annotations

import asyncio
import contextvars

import structlog
from django.db import Error as DatabaseError

from conversations.db.threads import written
from conversations.engine.ports import Classifier
from conversations.engine.types import Shadowed, Turn
from conversations.stats import shadow_stats as shadow_records
from routing.common.tasks import ended
from routing.domain.llm import Attempt

_log = structlog.get_logger("assistant.shadows")

AT_ONCE = 4
"""Classifications at a time: they share the classifier with people who wait for an answer."""

WAITING = 200
"""Of more prompts than these the version in shadow is not asked: a sample will do."""


class Shadows:
    """Implements the port ``Shadow`` for one event loop."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def decide(self, turn: Turn, shadowed: Shadowed) -> None:
        """Begin, and return at once."""
        if len(self._tasks) >= WAITING:
            _log.warning("a prompt was not decided in shadow: too many wait")
            return
        work = self._decide(turn, shadowed)
        # A context of its own: the run's database thread ends with the run.
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait for what was begun."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def aclose(self) -> None:
        """Leave what is not done: it is a sample."""
        await ended(list(self._tasks))

    async def _decide(self, turn: Turn, shadowed: Shadowed) -> None:
        attempts: list[Attempt] = []
        async with self._places:
            made = await self._classifier.classify(
                turn.prompt, shadowed.rules, shadowed.history, attempts.append
            )
        try:
            await written(
                shadow_records.shadow_record,
                message=turn.message,
                instead_of=shadowed.decision,
                decision=made.decision,
                attempts=attempts,
            )
        except DatabaseError as exc:
            _log.warning("a decision in shadow is lost", error=f"{type(exc).__name__}: {exc}")
