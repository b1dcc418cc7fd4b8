"""Daily sums for the charts: money by purpose, outcomes of prompts, times to the first token.

They grow with the same notes as the statistics of models and versions (``pending``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import log2
from typing import TYPE_CHECKING, Any

from django.db.models import Sum

from conversations.models import DailyCost, DailyOutcome, FirstTokenCount, Message, PersonCost
from conversations.stats.stats_table import Increments, Key, StatsTable, day_of
from routing.domain.llm import Attempt

if TYPE_CHECKING:
    from conversations.domain.outcome import RunOutcome

COSTS = StatsTable(DailyCost, "day", "purpose", "rule", "model")
OUTCOMES = StatsTable(DailyOutcome, "day", "rule", "model", "outcome")
FIRST_TOKENS = StatsTable(FirstTokenCount, "day", "model", "bucket")
PEOPLE = StatsTable(PersonCost, "day", "user")

STEPS = 4
"""Buckets for each doubling of the time: a bucket is 19 % wide, and places inside it are interpolated."""


def bucket_of(milliseconds: float) -> int:
    """The bucket of a time: from ``2 ** (bucket / STEPS)`` milliseconds to the next one."""
    return int(STEPS * log2(max(1.0, milliseconds)))


def quantile(buckets: Mapping[int, int], part: float) -> float | None:
    """The time in milliseconds below which this part of the counted times lies; ``None`` without any."""
    wanted = part * sum(buckets.values())
    passed = 0
    for bucket, count in sorted(buckets.items()):
        if count and passed + count >= wanted:
            place = bucket + (wanted - passed) / count
            return float(2 ** (place / STEPS))
        passed += count
    return None


def cost_increments(outcome: RunOutcome, started: datetime) -> Mapping[Key, Increments]:
    """Increments of ``COSTS`` for an answer that began at ``started``."""
    return _costs(outcome.attempts, day_of(started), _rule(outcome))


def outcome_increments(outcome: RunOutcome, started: datetime) -> Mapping[Key, Increments]:
    """Increments of ``OUTCOMES``."""
    decision = outcome.decision
    model = (decision.model or "") if decision else ""
    return {(day_of(started), _rule(outcome), model, outcome_of(outcome)): {"count": 1}}


def first_token_increments(outcome: RunOutcome, started: datetime) -> Mapping[Key, Increments]:
    """Increments of ``FIRST_TOKENS``: the call that answered, not those that failed before it."""
    answered = [call for call in outcome.attempts if call.ok and call.operation == "chat"]
    if outcome.status != Message.Status.COMPLETE or not answered:
        return {}
    call = answered[-1]
    if call.first_token_ms is None:
        return {}
    return {(day_of(started), call.model, bucket_of(call.first_token_ms)): {"count": 1}}


def person_increments(outcome: RunOutcome, started: datetime) -> Mapping[Key, Increments]:
    """Increments of ``PEOPLE``; none for an erased person."""
    user = outcome.booking.account.user if outcome.booking else None
    if user is None:
        return {}
    sums: Counter[str] = Counter(prompts=1)
    for call in outcome.attempts:
        sums.update(_paid(call))
    return {(day_of(started), user): {name: sums[name] for name in sums if name in _PERSON}}


def outcome_of(outcome: RunOutcome) -> str:
    """How a prompt ended, as ``DailyOutcome`` names it."""
    if outcome.status == Message.Status.FAILED:
        return "failed"
    if outcome.status == Message.Status.STOPPED:
        return "stopped"
    if outcome.decision and outcome.decision.refused:
        return "refused"
    return outcome.cache.outcome if outcome.cache.outcome in {"exact", "semantic"} else "new"


def cost_record(*, purpose: str, rule: str, attempts: Sequence[Attempt]) -> None:
    """Add calls beside the answers to the sums of today: audits of reuse, decisions in shadow."""
    COSTS.add(_costs(attempts, day_of(datetime.now(UTC)), rule, purpose))


@dataclass(frozen=True, slots=True)
class Bill:
    """One line of a table: US dollars, calls or prompts, and calls of unknown cost."""

    name: str
    usd: Decimal
    count: int
    unpriced: int = 0

    @property
    def mean(self) -> Decimal | None:
        """US dollars of one call or prompt whose cost is known."""
        known = self.count - self.unpriced
        return self.usd / known if known > 0 else None


def bill_of(purpose: str, since: date) -> Bill:
    """The bill of a purpose from that day (UTC) on."""
    sums = DailyCost.objects.filter(day__gte=since, purpose=purpose).aggregate(
        usd=Sum("cost_usd", default=Decimal(0)),
        count=Sum("calls", default=0),
        unpriced=Sum("unpriced", default=0),
    )
    return Bill(purpose, **sums)


_PERSON = {"prompts", "cost_usd", "unpriced"}


def _rule(outcome: RunOutcome) -> str:
    return (outcome.decision.rule or "") if outcome.decision else ""


def _costs(
    attempts: Sequence[Attempt], day: str, rule: str, purpose: str = ""
) -> Mapping[Key, Increments]:
    sums: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    for call in attempts:
        sums[day, purpose or call.operation, rule, call.model].update(_paid(call))
    return sums


def _paid(call: Attempt) -> dict[str, Any]:
    return {
        "calls": 1,
        "failed": int(not call.ok and call.outcome != "cancelled"),
        "cost_usd": call.usage.cost_usd or Decimal(0),
        "unpriced": call.usage.unpriced,
    }
