"""Versions in shadow: asked after the answer, kept beside the message, never acted on."""

from __future__ import annotations

import asyncio

import structlog
from django.db import Error as DatabaseError

from conversations.db.threads import written
from conversations.engine.types import Shadowed, Turn
from conversations.stats import shadow_stats as shadow_records
from routing.common.tasks import Background
from routing.domain.decide import Classifier
from routing.domain.llm import Attempt

_log = structlog.get_logger("assistant.shadows")

SHADOW = "shadow"
AT_ONCE = 4
"""Classifications at a time: they share the classifier with people who wait for an answer."""

WAITING = 200
"""Of more prompts than these the version in shadow is not asked: a sample will do."""


class Shadows:
    """Implements the port ``Shadow`` for one event loop."""

    def __init__(self, classifier: Classifier, background: Background) -> None:
        self._classifier, self._background = classifier, background
        self._places = asyncio.Semaphore(AT_ONCE)

    def decide(self, turn: Turn, shadowed: Shadowed) -> None:
        """Begin, and return at once."""
        if self._background.count(SHADOW) >= WAITING:
            _log.warning("a prompt was not decided in shadow: too many wait")
            return
        self._background.start(SHADOW, self._decide(turn, shadowed))

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
