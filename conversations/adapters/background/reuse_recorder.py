"""Writes down what lookups weighed, and has a small share of the reuses judged afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import Error as DatabaseError

from conversations.db.threads import written
from conversations.engine.ports import Rules
from conversations.engine.types import Step, TraceRecord
from conversations.feedback.reuse_records import Weighed, reuse_audit, reuse_record
from conversations.runs.lifecycle import Meter
from routing.common.tasks import Background
from routing.domain.errors import RulesUnavailable
from routing.domain.llm import Attempt
from routing.reuse.judge import Case, ReuseJudge, verdict

_log = structlog.get_logger("assistant.reuse")
REUSE_RECORDS = "reuse records"


class ReuseRecorder:
    """Passes what it hears on to ``meter``. ``dice`` gives numbers in [0, 1)."""

    def __init__(
        self,
        meter: Meter,
        judge: ReuseJudge,
        rules: Rules,
        background: Background,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._meter, self._judge, self._rules, self._dice = meter, judge, rules, dice
        self._background = background

    def run_started(self) -> None:
        """One more under way."""
        self._meter.run_started()

    def run_ended(self) -> None:
        """One fewer."""
        self._meter.run_ended()

    def observe(self, trace: TraceRecord) -> None:
        """Keep what a finished run's lookup weighed, in the background."""
        self._meter.observe(trace)
        if weighed := weighed_in(trace):
            self._background.start(REUSE_RECORDS, self._keep(weighed, trace), finish=True)

    async def _keep(self, weighed: Weighed, trace: TraceRecord) -> None:
        try:
            await written(reuse_record, weighed=weighed)
            if weighed.served and weighed.judged is None:
                await self._audit(weighed, trace)
        except (DatabaseError, RulesUnavailable) as exc:
            _log.warning("a reuse was not recorded", error=f"{type(exc).__name__}: {exc}")

    async def _audit(self, weighed: Weighed, trace: TraceRecord) -> None:
        rules = (await self._rules.current()).rules_for(trace.turn.user)
        if self._dice() >= rules.reuse.audited:
            return
        calls: list[Attempt] = []
        case = Case(trace.turn.prompt, "", trace.content)
        right = await self._judge.serves(case, rules, calls.append)
        if right is not None:
            await written(
                reuse_audit,
                message=weighed.message,
                right=right,
                cost_usd=calls[0].usage.cost_usd,
                milliseconds=_milliseconds(calls[0]),
            )


def weighed_in(trace: TraceRecord) -> Weighed | None:
    """What the lookup of a run came to, if anything was served by its meaning or judged."""
    step = next((one for one in trace.steps if _considered(one)), None)
    if step is None:
        return None
    call = next((one for one in step.attempts if one.operation == "judge"), None)
    served = trace.cache.outcome == "semantic"
    if not served and call is None:
        return None
    weighed = _chosen(_considered(step), str(trace.cache.entry) if served else "")
    return Weighed(
        message=trace.turn.message,
        served=served,
        shared=weighed["shared"],
        probability=weighed["probability"],
        cut=weighed["cut"],
        judged=verdict(call.output) if call else None,
        judge_cost_usd=call.usage.cost_usd if call else None,
        judge_ms=_milliseconds(call) if call else None,
    )


def _considered(step: Step) -> list[Mapping[str, Any]]:
    return step.output.get("considered", []) if step.name == "lookup_answer" and step.output else []


def _chosen(considered: list[Mapping[str, Any]], entry: str) -> Mapping[str, Any]:
    """The candidate served, else the likeliest: it was the one shown to the judge."""
    return next((one for one in considered if one["entry"] == entry), considered[0])


def _milliseconds(call: Attempt) -> int:
    return round((call.ended_ns - call.started_ns) / 1e6)
