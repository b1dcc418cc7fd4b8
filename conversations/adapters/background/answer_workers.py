"""Workers after an answer: statistics, shadow decisions and reuse records, off the answer's way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from django.db import Error as DatabaseError

from conversations.adapters.answer_cache.situation import situation_of
from conversations.db.access import in_database, written
from conversations.domain.errors import LimitReached
from conversations.engine.ports import Rules
from conversations.engine.types import Shadowed, Step, TraceRecord, Turn
from conversations.feedback.reuse_records import LookupOutcome, reuse_audit, reuse_record
from conversations.runs.lifecycle import Meter
from conversations.runs.side_calls import SideCalls
from conversations.stats.pending import add_up, set_aside
from conversations.stats.stats_table import shadow_record
from conversations.usage.roll_up import roll_up
from routing.common.tasks import Background
from routing.domain.decide import Classifier
from routing.domain.errors import RulesUnavailable
from routing.domain.llm import Attempt
from routing.reuse.judge import TOKENS, JudgeCase, ReuseJudge, parse_yes_no

_stats_log = structlog.get_logger("assistant.counting")
_shadow_log = structlog.get_logger("assistant.shadows")
_reuse_log = structlog.get_logger("assistant.reuse")

STATS_SECONDS = 1.0
ROLL_UP_SECONDS = 20.0
"""Between two days of usage that are summed up."""

SHADOW, REUSE_RECORDS = "shadow", "reuse records"
"""Names of background work."""

SHADOWS_AT_ONCE = 4
"""Shadow decisions at a time: they share the classifier with users who wait for an answer."""
SHADOWS_WAITING = 200
"""Prompts that may wait for a shadow decision; later ones have none: a sample will do."""


class StatsWorker:
    """Aggregation worker: adds pending increments to the sums. Workers may run side by side: rows that
    one of them adds are skipped by the others."""

    def __init__(self, background: Background, show: Callable[[int], object]) -> None:
        """``show`` is told how many increments are set aside, and -1 where nothing could be added."""
        self._background, self._show = background, show

    def start(self) -> None:
        """Add up from now on, and once more at the end. Increments that fail stay pending."""
        self._background.every("statistics", self._add, seconds=STATS_SECONDS, last=True)
        self._background.every("sums of usage", self._roll_up, seconds=ROLL_UP_SECONDS)

    async def _add(self) -> None:
        try:
            await written(add_up)
            self._show(await in_database(set_aside))
        except DatabaseError as exc:
            _stats_log.warning("sums are added up later", error=f"{type(exc).__name__}: {exc}")
            self._show(-1)

    async def _roll_up(self) -> None:
        try:
            await written(roll_up)
        except DatabaseError as exc:
            _stats_log.warning("usage is summed later", error=f"{type(exc).__name__}: {exc}")


class ShadowWorker:
    """Shadow traffic: a version in shadow decides after the answer; its decision is stored, and has no
    effect. Implements the port ``Shadow``."""

    def __init__(
        self,
        classifier: Classifier,
        background: Background,
        side_calls: SideCalls,
    ) -> None:
        self._classifier, self._background = classifier, background
        self._side_calls = side_calls
        self._slots = asyncio.Semaphore(SHADOWS_AT_ONCE)

    def decide(self, turn: Turn, shadowed: Shadowed) -> None:
        """Start a decision, and return at once."""
        if self._background.count(SHADOW) >= SHADOWS_WAITING:
            _shadow_log.warning("a prompt was not decided in shadow: too many wait")
            return
        self._background.start(SHADOW, self._decide(turn, shadowed))

    async def _decide(self, turn: Turn, shadowed: Shadowed) -> None:
        estimator = self._side_calls.estimator
        worst = partial(estimator.classification, turn.prompt, shadowed.rules)
        rule = shadowed.decision.rule or ""  # as an audit: of the answer that it was made beside
        try:
            async with (
                self._slots,
                self._side_calls.booked("shadow", worst, rule=rule) as attempts,
            ):
                result = await self._classifier.classify(
                    turn.prompt,
                    shadowed.rules,
                    shadowed.history,
                    attempts.append,
                    vector=shadowed.vector,
                )
            await written(
                shadow_record,
                message=turn.message,
                instead_of=shadowed.decision,
                decision=result.decision,
                attempts=attempts,
            )
        except (DatabaseError, LimitReached) as exc:
            error = f"{type(exc).__name__}: {exc}"
            _shadow_log.warning("a decision in shadow is lost", error=error)


class ReuseRecorder:
    """Reuse records: stores the chosen candidate of each lookup, and has a small share of the reuses
    judged. A decorator of ``meter``. ``dice`` gives numbers in [0, 1)."""

    def __init__(
        self,
        meter: Meter,
        judge: ReuseJudge,
        rules: Rules,
        background: Background,
        side_calls: SideCalls,
        *,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._side_calls = side_calls
        self.run_started, self.run_ended = meter.run_started, meter.run_ended
        self._meter, self._judge, self._rules, self._dice = meter, judge, rules, dice
        self._background = background

    def observe(self, trace: TraceRecord) -> None:
        """Store the lookup of a finished run, in the background; ``close`` waits for it."""
        if outcome := chosen_candidate(trace):
            self._background.start(REUSE_RECORDS, self._record(outcome, trace), finish=True)
        self._meter.observe(trace)

    async def _record(self, outcome: LookupOutcome, trace: TraceRecord) -> None:
        try:
            # Before the audit: the judge may take seconds, and the record is worth having without it.
            await written(reuse_record, outcome=outcome)
            if outcome.served and outcome.judged is None:
                await self._audit(outcome, trace)
        except (DatabaseError, LimitReached, RulesUnavailable) as exc:
            _reuse_log.warning("a reuse was not recorded", error=f"{type(exc).__name__}: {exc}")

    async def _audit(self, outcome: LookupOutcome, trace: TraceRecord) -> None:
        rules = (await self._rules.current()).rules_for(trace.turn.user)
        if self._dice() >= rules.reuse.audited:
            return
        case = JudgeCase(trace.turn.prompt, "", trace.content)
        worst = partial(self._side_calls.estimator.judging, case.messages, TOKENS, rules)
        rule = (trace.decision.rule if trace.decision else None) or ""
        async with self._side_calls.booked("judge", worst, rule=rule) as calls:
            right = await self._judge.serves(case, rules, calls.append)
        if right is not None:
            await written(
                reuse_audit,
                message=outcome.message,
                right=right,
                cost_usd=calls[0].usage.cost_usd,
                milliseconds=_milliseconds(calls[0]),
            )


def chosen_candidate(trace: TraceRecord) -> LookupOutcome | None:
    """The candidate that the lookup of a run served by meaning, or that the judge was asked about."""
    step = next((step for step in trace.steps if _considered(step)), None)
    if step is None:
        return None
    call = next((call for call in step.attempts if call.operation == "judge"), None)
    served = trace.cache.outcome == "semantic"
    if not served and call is None:
        return None
    considered, entry = _considered(step), str(trace.cache.entry) if served else ""
    # The served one, else the likeliest: it was shown to the judge.
    candidate = next((one for one in considered if one["entry"] == entry), considered[0])
    return LookupOutcome(
        message=trace.turn.message,
        served=served,
        shared=candidate["shared"],
        probability=candidate["probability"],
        cut=candidate["cut"],
        situation=situation_of(trace.turn.prompt, candidate["signals"].get("known", 0.0)),
        judged=parse_yes_no(call.output) if call else None,
        judge_cost_usd=call.usage.cost_usd if call else None,
        judge_ms=_milliseconds(call) if call else None,
    )


def _considered(step: Step) -> list[Mapping[str, Any]]:
    return step.output.get("considered", []) if step.name == "lookup_answer" and step.output else []


def _milliseconds(call: Attempt) -> int:
    return round((call.ended_ns - call.started_ns) / 1e6)
