"""Records of decisions by earlier verdicts: their audits, calibration and savings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, Count, Q
from django.utils import timezone

from conversations.models import Message, VectorAudit, first_id_at
from routing.domain.rules import Source
from routing.reuse.decision_model import DecisionState
from routing.reuse.model import Calibration, Precision

LABELS = 2_000
"""The latest audits, which alone move the cut."""
WINDOW = 500
"""The latest audits of sure decisions under one set of rules, which let them decide."""
KEPT_DAYS = 90
"""Days that audits are kept."""
AUDIT = "audit"
"""The purpose of the audits' calls, in the sums of costs."""


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit, for a row of ``VectorAudit``. ``message`` is ``None`` for a chat of which nothing is kept."""

    message: UUID | None
    offer: str
    decided: bool
    sure: bool
    right: bool
    probability: float
    cut: float
    verdicts: int
    rule: str
    classified_as: str
    cost_usd: Decimal | None
    milliseconds: int


def audit_record(*, audit: Audit) -> None:
    """Insert the row of an audit; none for a deleted answer. Audits of ``KEPT_DAYS`` ago go."""
    fields = {name: getattr(audit, name) for name in audit.__slots__ if name != "message"}
    rows = VectorAudit.objects
    with transaction.atomic():
        # Locked first: a deletion between check and insert would break the foreign key.
        kept = audit.message
        if not kept or Message.objects.select_for_update().filter(pk=kept).exists():
            rows.create(message_id=kept, **fields)
        rows.filter(created_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()


def decision_state() -> DecisionState:
    """The calibration, and the precision under each set of rules: the input of every such decision."""
    latest = VectorAudit.objects.order_by("-id")
    rows = list(latest.values_list("offer", "sure", "probability", "right")[:LABELS])
    calibration = Calibration.fitted([row[2] for row in rows], [row[3] for row in rows])
    sure: dict[str, list[bool]] = {}
    for offer, is_sure, _, right in rows:
        if is_sure and len(sure.setdefault(offer, [])) < WINDOW:
            sure[offer].append(right)
    audits = {offer: Precision(len(each), sum(each)) for offer, each in sure.items()}
    return DecisionState(calibration, audits)


@dataclass(frozen=True, slots=True)
class DecisionSums:
    """Sums of a time. ``by_source`` counts kept answers by who decided; ``precision`` is that of audited
    decisions that verdicts made or were sure of; ``usd`` and ``milliseconds`` are means of a call to the
    classifier, ``audits_usd`` the audits' bill. ``None``: not measured."""

    by_source: Mapping[str, int]
    precision: Precision
    usd: float | None
    milliseconds: float | None
    audits_usd: float

    @property
    def decided(self) -> int:
        """Answers that earlier verdicts decided on."""
        return self.by_source.get(Source.VECTOR, 0)

    @property
    def share(self) -> float | None:
        """Their share of all that the rules decided on."""
        asked = (Source.CLASSIFIER, Source.CLASSIFIER_FALLBACK)
        whole = self.decided + sum(self.by_source.get(source, 0) for source in asked)
        return self.decided / whole if whole else None

    @property
    def saved_usd(self) -> float | None:
        """Calls to the classifier that were not made, less the audits."""
        return None if self.usd is None else self.decided * self.usd - self.audits_usd

    @property
    def saved_seconds(self) -> float | None:
        """Time that people did not wait for the classifier."""
        if self.milliseconds is None:
            return None
        return self.decided * self.milliseconds / 1000


def decision_sums(*, since: datetime, audits_usd: float) -> DecisionSums:
    """The sums since then; ``audits_usd`` is the bill of ``AUDIT`` in that time."""
    counted = (
        # Ids sort by time: the primary key bounds the scan, the column makes the bound exact.
        Message.objects.filter(id__gte=first_id_at(since), created_at__gte=since)
        .exclude(source="")
        .order_by()
        .values_list("source")
        .annotate(Count("pk"))
    )
    audits = VectorAudit.objects.filter(created_at__gte=since).aggregate(
        known=Count("pk", filter=Q(sure=True)),
        right=Count("pk", filter=Q(sure=True, right=True)),
        usd=Avg("cost_usd"),
        ms=Avg("milliseconds"),
    )
    return DecisionSums(
        by_source=dict(counted),
        precision=Precision(audits["known"], audits["right"]),
        usd=None if audits["usd"] is None else float(audits["usd"]),
        milliseconds=audits["ms"],
        audits_usd=audits_usd,
    )
