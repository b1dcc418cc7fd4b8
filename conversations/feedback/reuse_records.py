"""Reuse records: each reuse by meaning that was considered, its labels, and the savings.

Labels come from people's verdicts, from audits and from the judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from conversations.models import Feedback, Message, ModelPerformance, Reuse, first_id_at
from routing.reuse.model import Calibration, CalibrationState, Precision

LABELS = 2_000
"""The latest labels, which alone move a cut: labels of a year ago may no longer hold."""
DAYS = 30
"""Days that money and time are averaged over."""
_RIGHT = Count("pk", filter=Q(audited=True))


@dataclass(frozen=True, slots=True)
class LookupOutcome:
    """Outcome of one lookup by meaning, for a row of ``Reuse``."""

    message: UUID
    served: bool
    shared: bool
    probability: float
    cut: float
    situation: str = ""
    judged: bool | None = None
    judge_cost_usd: Decimal | None = None
    judge_ms: int | None = None


def reuse_record(*, outcome: LookupOutcome) -> None:
    """Insert or update the row of a lookup; none for a deleted answer."""
    fields = {name: getattr(outcome, name) for name in outcome.__slots__ if name != "message"}
    with transaction.atomic():
        # Locked first: a deletion between check and insert would break the foreign key.
        if Message.objects.select_for_update().filter(pk=outcome.message).exists():
            Reuse.objects.update_or_create(message_id=outcome.message, defaults=fields)


def reuse_audit(*, message: UUID, right: bool, cost_usd: Decimal | None, milliseconds: int) -> None:
    """Store the verdict of an audit on a served answer, with the cost and time of the judge."""
    Reuse.objects.filter(pk=message).update(
        audited=right, judge_cost_usd=cost_usd, judge_ms=milliseconds
    )


def calibration_state() -> CalibrationState:
    """Both calibrations and whether the judge pays: the input of every reuse decision."""
    return CalibrationState(
        shared=calibration(shared=True),
        own=calibration(shared=False),
        judge_pays=economy().judge_pays,
    )


def calibration(*, shared: bool) -> Calibration:
    """Calibration from the latest labels of a scope: a person's verdict counts before an audit, an audit
    before the judge."""
    latest = Feedback.objects.filter(message=OuterRef("message")).order_by("-updated_at")
    rows = (
        Reuse.objects.filter(shared=shared)
        .annotate(verdict=Subquery(latest.values("verdict")[:1]))
        .filter(Q(verdict__isnull=False) | Q(audited__isnull=False) | Q(judged__isnull=False))
        .values_list("probability", "verdict", "audited", "judged")[:LABELS]
    )
    probabilities, right = [], []
    for probability, verdict, audited, judged in rows:
        probabilities.append(probability)
        checked = judged if audited is None else audited
        right.append(verdict == Feedback.Verdict.GOOD if verdict else bool(checked))
    return Calibration.fitted(probabilities, right)


@dataclass(frozen=True, slots=True)
class Economy:
    """Means of the last days: cost (US dollars) and time (milliseconds) of a fresh answer and of a call to
    the judge, and the share of calls to which the judge says yes. ``None``: not measured."""

    answer_usd: float | None
    answer_ms: float | None
    judge_usd: float | None
    judge_ms: float | None
    yes: float

    @property
    def judge_gain_usd(self) -> float | None:
        """Mean saving of one call to the judge, less its cost."""
        if self.answer_usd is None or self.judge_usd is None:
            return None
        return self.yes * self.answer_usd - self.judge_usd

    @property
    def judge_gain_ms(self) -> float | None:
        """Mean time that one call to the judge saves, less its own."""
        if self.answer_ms is None or self.judge_ms is None:
            return None
        return self.yes * self.answer_ms - self.judge_ms

    @property
    def judge_pays(self) -> bool:
        """Whether the judge saves both money and time; false where either is unknown."""
        return (self.judge_gain_usd or 0) > 0 and (self.judge_gain_ms or 0) > 0


def economy() -> Economy:
    """Means of the last days. Audits measure the cost of the judge before lookups use it."""
    since = timezone.now() - timedelta(days=DAYS)
    fresh = ModelPerformance.objects.filter(day__gte=since.date()).aggregate(
        answers=Sum("answers"),
        cached=Sum("cache_hits"),
        usd=Sum("cost_usd"),
        unpriced=Sum("unpriced"),
        ms=Sum("total_ms_sum"),
    )
    count = (fresh["answers"] or 0) - (fresh["cached"] or 0)
    priced = count - (fresh["unpriced"] or 0)
    judge = Reuse.objects.filter(created_at__gte=since).aggregate(
        count=Count("pk", filter=Q(judged__isnull=False)),
        yes=Count("pk", filter=Q(judged=True)),
        usd=Avg("judge_cost_usd"),
        ms=Avg("judge_ms"),
    )
    return Economy(
        answer_usd=float(fresh["usd"] or 0) / priced if priced > 0 else None,
        answer_ms=(fresh["ms"] or 0) / count if count else None,
        judge_usd=None if judge["usd"] is None else float(judge["usd"]),
        judge_ms=judge["ms"],
        # A prior: in simulated replays about four of ten grey candidates are right.
        yes=(judge["yes"] + 4) / (judge["count"] + 10),
    )


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC): counts of the questions that were looked up, and of the outcomes."""

    day: date
    lookups: int
    exact: int
    semantic: int
    audited: int
    right: int

    @property
    def precision(self) -> Precision:
        """Precision of the audited reuses by meaning."""
        return Precision(self.audited, self.right)


def days(*, since: datetime) -> list[Day]:
    """Days with lookups, the oldest first."""
    looked_up = ("exact", "semantic", "miss")
    rows = (
        # Ids sort by time: the primary key bounds the scan, the column makes the bound exact.
        Message.objects.filter(
            id__gte=first_id_at(since), created_at__gte=since, cache_outcome__in=looked_up
        )
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .order_by("day")
        .annotate(
            lookups=Count("pk"),
            exact=Count("pk", filter=Q(cache_outcome="exact")),
            semantic=Count("pk", filter=Q(cache_outcome="semantic")),
            audited=Count("pk", filter=Q(reuse__served=True, reuse__audited__isnull=False)),
            right=Count("pk", filter=Q(reuse__served=True, reuse__audited=True)),
        )
    )
    return [Day(**row) for row in rows]


def precision(*, shared: bool, since: datetime) -> Precision:
    """Precision of the audited reuses of a scope: a random sample, unlike people's verdicts."""
    counts = _audited(since).filter(shared=shared).aggregate(known=Count("pk"), right=_RIGHT)
    return Precision(counts["known"], counts["right"])


def precision_by_situation(*, since: datetime) -> dict[Reuse.Situation, Precision]:
    """Precision of the audited reuses in each situation, a random sample as well; reuses from before there were
    situations are left out."""
    rows = _audited(since).values("situation").annotate(known=Count("pk"), right=_RIGHT)
    found = {row["situation"]: Precision(row["known"], row["right"]) for row in rows}
    return {one: found.get(one, Precision(0, 0)) for one in Reuse.Situation}


def _audited(since: datetime) -> QuerySet[Reuse]:
    return Reuse.objects.filter(
        served=True, audited__isnull=False, created_at__gte=since
    ).order_by()


@dataclass(frozen=True, slots=True)
class JudgeBill:
    """US dollars that lookups and audits paid to the judge. ``unknown`` calls of unknown cost are not in
    it; ``usd`` is ``None`` where all are."""

    usd: float | None
    unknown: int


def judge_bill(*, since: datetime) -> JudgeBill:
    """The bill of the judge since then."""
    asked = Reuse.objects.filter(created_at__gte=since, judge_ms__isnull=False).aggregate(
        usd=Sum("judge_cost_usd"), unknown=Count("pk", filter=Q(judge_cost_usd__isnull=True))
    )
    unknown = asked["unknown"]
    nothing = None if unknown else 0.0
    return JudgeBill(nothing if asked["usd"] is None else float(asked["usd"]), unknown)
