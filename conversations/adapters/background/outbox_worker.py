"""What people's verdicts and deletions change in the traces and in Redis.

The database is right, and asked before a stored answer is served; Redis follows. What it is owed
(``owed``) is paid by whoever made the debt, and from here on where Redis did not listen then.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction

from conversations.adapters.answer_cache.cache import RedisAnswerCache
from conversations.adapters.background import outbox as owed
from conversations.db.threads import in_database
from conversations.engine.ports import Tracer
from conversations.models import CuratedAnswer, Message, OwedWork
from routing.common.tasks import Background
from routing.domain.errors import DependencyUnavailable
from routing.embeddings.port import Embedder

_log = structlog.get_logger("assistant.learning")

PAY_SECONDS = 2.0
"""Between two looks for debts."""


class Learning:
    """Carries feedback to the traces, and what Redis is owed to Redis."""

    def __init__(
        self, cache: RedisAnswerCache, embedder: Embedder, tracer: Tracer, background: Background
    ) -> None:
        self._cache, self._embedder, self._tracer = cache, embedder, tracer
        self._background = background

    def judged(self, answer: Message, *, verdict: str | None, comment: str = "") -> None:
        """A verdict on an answer was given, changed or (``None``) taken back."""
        self._tracer.score(answer.trace_id, message=answer.id, verdict=verdict, comment=comment)

    async def deleted(self, conversation: UUID, answers: Sequence[UUID]) -> None:
        """A conversation was deleted under a run that wrote on: what it wrote goes too."""
        await in_database(_owe_deleted, conversation, answers)

    def watch(self) -> None:
        """Pay debts from now on."""
        self._background.every("outbox", self._pay, seconds=PAY_SECONDS)

    async def _pay(self) -> None:
        try:
            await in_database(owed.pay)
            await self.curate()
        except (DatabaseError, DependencyUnavailable) as exc:
            _log.warning("debts are left for later", error=f"{type(exc).__name__}: {exc}")

    async def curate(self) -> None:
        """Put the review desk's answers into the cache. Raises ``DependencyUnavailable``."""
        for debt, curated in await in_database(_to_curate):
            if curated:
                vector = await self._embedder.embed(curated.question)
                await self._cache.warm(curated.question, curated.answer, vector)
            await in_database(_paid, debt)


def _owe_deleted(conversation: UUID, answers: Sequence[UUID]) -> None:
    with transaction.atomic():
        owed.owe(OwedWork.Kind.FORGET_THREAD, [conversation])
        owed.owe(OwedWork.Kind.FORGET_ANSWER, answers)


def _to_curate() -> list[tuple[OwedWork, CuratedAnswer | None]]:
    debts = list(OwedWork.objects.filter(kind=OwedWork.Kind.CURATE).order_by("id")[:50])
    answers = CuratedAnswer.objects.in_bulk([debt.subject for debt in debts])
    return [(debt, answers.get(debt.subject)) for debt in debts]


def _paid(debt: OwedWork) -> None:
    debt.delete()
