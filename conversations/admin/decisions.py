"""Page of decisions by earlier verdicts: precision with its interval, share and savings, and the audits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.utils import timezone
from unfold.paginator import InfinitePaginator

from conversations.admin.history import WatchedList
from conversations.feedback.reuse_records import DAYS
from conversations.feedback.vector_records import AUDIT, decision_sums
from conversations.models import VectorAudit
from conversations.stats.daily import bill_of
from conversations.stats.speculation import speculation_sums
from routing.common.admin import ReadOnlyAdmin, admin_link, column


def decisions_context() -> dict[str, Any]:
    """Context of the page: sums of the last days; shares in per cent."""
    since = timezone.now() - timedelta(days=DAYS)
    audits = bill_of(AUDIT, since.date())
    sums = decision_sums(since=since, audits_usd=float(audits.usd))
    precision = sums.precision
    low, high = (100 * bound for bound in precision.interval)
    return {
        "days": DAYS,
        "sums": sums,
        "known": precision.known,
        "right": None if precision.share is None else 100 * precision.share,
        "low": low,
        "high": high,
        "decided_percent": None if sums.share is None else 100 * sums.share,
        "speculation": speculation_sums(since.date()),
    }


@admin.register(VectorAudit)
class VectorAuditAdmin(WatchedList[VectorAudit], ReadOnlyAdmin[VectorAudit]):
    """Figures above, the single audits below; nothing to change."""

    list_display = (
        "answer", "right", "rule", "classified_as", "decided", "sure", "estimate", "verdicts", "created_at",
    )  # fmt: skip
    list_display_links = None
    list_filter = ("right", "decided", "sure")
    list_fullwidth = True
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    list_before_template = "conversations/admin/decisions.html"
    list_select_related = ("message__answers",)
    ordering = ("-id",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), **decisions_context()})

    @column("question")
    def answer(self, row: VectorAudit) -> str:
        asked = row.message.answers if row.message else None
        if row.message is None or asked is None:
            return "(of a chat that is not kept)"
        return admin_link(row.message, truncatechars(" ".join(asked.content.split()), 80))

    @column("probability", ordering="probability")
    def estimate(self, row: VectorAudit) -> str:
        return f"{row.probability:.3f}"
