"""Audits of decisions by earlier verdicts: the classifier is asked about a share of them, after the answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial

import structlog
from django.db import Error as DatabaseError

from conversations.db.access import written
from conversations.domain.errors import LimitReached
from conversations.engine.ports import DecisionVectors
from conversations.engine.types import AuditCase
from conversations.feedback.vector_records import AUDIT, Audit, audit_record
from conversations.runs.side_calls import SideCalls
from routing.common.tasks import Background
from routing.domain.decide import Classifier
from routing.domain.errors import CacheUnavailable
from routing.domain.llm import Attempt, Usage
from routing.domain.rules import Decision, Source

_log = structlog.get_logger("assistant.vectors")

AUDITS, RECORDS = "vector audits", "vector records"
"""Names of background work."""

AT_ONCE = 2
"""Audits at a time: they share the classifier with users who wait for an answer."""
WAITING = 100
"""Decisions that may wait for an audit; later ones have none: a sample will do."""


class VectorAuditor:
    """The engine's port ``VectorAudits``. ``count`` is told of each audit whether it was right, ``dice`` gives
    numbers in [0, 1)."""

    def __init__(
        self,
        classifier: Classifier,
        vectors: DecisionVectors,
        background: Background,
        count: Callable[[bool], object],
        side_calls: SideCalls,
        *,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._classifier, self._vectors, self._background = classifier, vectors, background
        self._count, self._dice = count, dice
        self._side_calls = side_calls
        self._slots = asyncio.Semaphore(AT_ONCE)

    def settle(self, case: AuditCase) -> None:
        """Compare with the classifier's decision where it was asked anyway, always until enough is known;
        else ask it about a share of the decisions."""
        opinion, source = case.opinion, case.decision.source
        chosen = self._dice() < case.rules.reuse.audited_decisions
        learning = opinion.sure and not opinion.earned
        if source is Source.VECTOR and chosen and self._background.count(AUDITS) < WAITING:
            self._background.start(AUDITS, self._ask(case), subject=case.turn.message)
        if source is Source.CLASSIFIER and (chosen or learning):
            record = self._record(case, case.decision, case.calls)
            self._background.start(RECORDS, record, subject=case.turn.message, finish=True)

    async def _ask(self, case: AuditCase) -> None:
        prompt, rule = case.turn.prompt, case.decision.rule or ""
        worst = partial(self._side_calls.estimator.classification, prompt, case.rules)
        try:
            async with (
                self._slots,
                self._side_calls.booked(AUDIT, worst, rule=rule) as calls,
            ):
                asked = await self._classifier.classify(
                    prompt, case.rules, (), calls.append, vector=case.vector
                )
        except LimitReached as exc:
            _log.warning("a decision was not audited", error=str(exc))
            return
        if asked.decision.source is Source.CLASSIFIER:
            try:
                await self._vectors.keep(case.turn, case.rules, case.vector, asked.decision)
            except CacheUnavailable as exc:
                _log.warning("a verdict was not kept", error=str(exc))
            await self._record(case, asked.decision, calls)

    async def _record(self, case: AuditCase, said: Decision, calls: Sequence[Attempt]) -> None:
        opinion, turn = case.opinion, case.turn
        right = opinion.agrees(said)
        self._count(right)
        audit = Audit(
            message=turn.message if turn.kept else None,
            offer=opinion.offer,
            decided=case.decision.source is Source.VECTOR,
            sure=opinion.sure,
            right=right,
            probability=opinion.estimated,
            cut=opinion.cut,
            verdicts=opinion.verdicts,
            rule=opinion.decision.rule or "",
            classified_as=said.rule or "",
            cost_usd=_cost(calls),
            milliseconds=round(sum(call.ended_ns - call.started_ns for call in calls) / 1e6),
        )
        try:
            await written(audit_record, audit=audit)
        except DatabaseError as exc:
            _log.warning("an audit was not recorded", error=f"{type(exc).__name__}: {exc}")


def _cost(calls: Sequence[Attempt]) -> Decimal | None:
    """US dollars; ``None`` where a price is unknown."""
    usage = sum((call.usage for call in calls), Usage())
    return None if usage.unpriced else usage.cost_usd
