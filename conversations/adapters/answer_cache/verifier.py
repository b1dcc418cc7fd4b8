"""Reuse verifier: decides which of the nearest entries may serve a question, the likeliest first."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog
from django.db import Error as DatabaseError

from conversations.adapters.answer_cache.entries import SHARED, Hit
from routing.common.tasks import Background
from routing.domain.llm import Meter
from routing.domain.rules import ReusePolicy, RuleSet
from routing.reuse.answer_signature import group_answers
from routing.reuse.judge import JudgeCase
from routing.reuse.model import (
    Calibration,
    CalibrationState,
    ReuseCandidate,
    ReuseEstimate,
    ReuseModel,
)

_log = structlog.get_logger("assistant.reuse")
T = TypeVar("T")

HOPELESS = 0.3
"""Probability below which the judge is not asked."""

FRESH_SECONDS = 30.0
"""Life of the calibration that a worker has read."""


@dataclass(frozen=True, slots=True)
class ScoredHit:
    """A hit with the model's verdict. ``probability`` is the verdict's, calibrated; ``cut`` is the
    probability that it must reach."""

    hit: Hit
    verdict: ReuseEstimate
    probability: float
    cut: float

    @property
    def sure(self) -> bool:
        """Whether it may be served without the judge."""
        doubtful = self.verdict.vetoes or self.verdict.uncertain
        return not doubtful and self.probability >= self.cut

    @property
    def grey(self) -> bool:
        """Whether the judge might let it be served."""
        return not self.sure and not self.verdict.vetoes and self.probability >= HOPELESS

    def as_json(self) -> dict[str, object]:
        """For traces and the review queue, without texts of users."""
        return {
            "entry": str(self.hit.entry),
            "similarity": self.hit.similarity,
            "shared": self.hit.fields["scope"] == SHARED,
            "cut": round(self.cut, 4),
            "calibrated": round(self.probability, 4),
            **self.verdict.as_json(),
        }


class LearnedState(Generic[T]):
    """Cached read: the calibration by audits, read anew from the database in the background after
    ``FRESH_SECONDS``. No call waits: until the first read it is ``unread``."""

    def __init__(
        self,
        load: Callable[[], Awaitable[T]],
        background: Background,
        unread: T,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._background, self._clock = load, background, clock
        self._learned, self._read_at = unread, float("-inf")

    def current(self) -> T:
        """What was read last."""
        if self._clock() - self._read_at >= FRESH_SECONDS:
            self._read_at = self._clock()
            self._background.start("reuse calibration", self.read())
        return self._learned

    async def prepare(self) -> None:
        """Read it, unless it was read before."""
        if self._read_at == float("-inf"):
            self._read_at = self._clock()
            await self.read()

    async def read(self) -> None:
        """Read it now."""
        try:
            self._learned = await self._load()
        except DatabaseError as exc:
            _log.warning("reuse goes by what was learned before", error=str(exc))


class CalibrationSource:
    """Calibrations of reuse, and the judge's worth, as they were read last."""

    def __init__(
        self,
        load: Callable[[], Awaitable[CalibrationState]],
        background: Background,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = LearnedState(load, background, CalibrationState(), clock)

    def calibration(self, *, shared: bool) -> Calibration:
        """The calibration of the model's probabilities in this scope."""
        learned = self._state.current()
        return learned.shared if shared else learned.own

    def judge_pays(self) -> bool:
        """Whether asking the judge saves more than it costs."""
        return self._state.current().judge_pays


class Judge(Protocol):
    """A second opinion about a stored answer."""

    async def serves(self, case: JudgeCase, rules: RuleSet, meter: Meter) -> bool | None:
        """Yes, no, or ``None`` for a reply that is neither."""
        ...


class ReuseVerifier:
    """Scores hits by the model and by its calibration; the cut follows from the error budget. A hit that
    is neither sure nor hopeless is shown to the judge, where the policy allows it."""

    def __init__(
        self,
        model: ReuseModel,
        judge: Judge | None = None,
        calibrations: CalibrationSource | None = None,
    ) -> None:
        self._model, self._judge, self._calibrations = model, judge, calibrations

    def score(self, prompt: str, hits: Sequence[Hit], policy: ReusePolicy) -> list[ScoredHit]:
        """Score the nearest entries (nearest first); the likeliest first."""
        signatures = group_answers([str(hit.fields.get("says") or "") for hit in hits])
        candidates = [
            ReuseCandidate(
                str(hit.fields["question"]),
                hit.similarity,
                hit.fields.get("group") or hit.entry,
                frozenset(str(hit.fields.get("apart") or "").split()),
                signature,
            )
            for hit, signature in zip(hits, signatures, strict=True)
        ]
        verdicts = self._model.estimates(prompt, candidates)
        scored = [
            self._scored(hit, verdict, policy) for hit, verdict in zip(hits, verdicts, strict=False)
        ]
        return sorted(scored, key=lambda one: -one.probability)

    def doubts(self, scored: ScoredHit, rules: RuleSet) -> bool:
        """Whether to ask the judge: about doubtful hits, where the policy allows it."""
        return self._judge is not None and scored.grey and self._may_judge(rules.reuse)

    async def approves(self, prompt: str, hit: Hit, rules: RuleSet, meter: Meter) -> bool:
        """Whether the judge says that a stored answer serves the prompt."""
        assert self._judge is not None  # noqa: S101 - else there are no doubts
        case = JudgeCase(prompt, str(hit.fields["question"]), str(hit.fields["answer"]))
        return bool(await self._judge.serves(case, rules, meter))

    def _scored(self, hit: Hit, verdict: ReuseEstimate, policy: ReusePolicy) -> ScoredHit:
        shared = hit.fields["scope"] == SHARED
        probability = verdict.probability
        if self._calibrations is not None:
            calibration = self._calibrations.calibration(shared=shared)
            probability = calibration.probability(probability)
        probability *= 1 - hit.penalty
        cut = self._model.cut(policy.budget(shared=shared), verdict.known, verdict.open)
        return ScoredHit(hit, verdict, probability, cut)

    def _may_judge(self, policy: ReusePolicy) -> bool:
        if policy.judge == "auto":
            return self._calibrations is not None and self._calibrations.judge_pays()
        return policy.judge == "on"
