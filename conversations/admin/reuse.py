"""Page of reuse by meaning: precision with its interval, hits and savings over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.utils import timezone
from unfold.paginator import InfinitePaginator

from conversations.admin.charts import chart_context
from conversations.admin.history import WatchedList
from conversations.feedback.reuse_records import (
    DAYS,
    Economy,
    JudgeBill,
    days,
    economy,
    judge_bill,
    precision,
    precision_by_situation,
)
from conversations.models import Message, Reuse
from conversations.stats.link_records import link_sums, link_usd_today
from routing.common.admin import ReadOnlyAdmin, admin_link, column
from routing.reuse.model import Precision


def _scope(name: str, estimate: Precision) -> dict[str, Any]:
    """Context of one scope: its estimated precision, in per cent."""
    low, high = (100 * bound for bound in estimate.interval)
    share = None if estimate.share is None else 100 * estimate.share
    return {"name": name, "known": estimate.known, "share": share, "low": low, "high": high}


def _saved(hits: int, means: Economy, bill: JudgeBill) -> dict[str, float | None]:
    """Savings of the hits (US dollars, seconds), less the bill of the judge: a mean answer each."""
    known = means.answer_usd is not None and bill.usd is not None
    return {
        "usd": hits * (means.answer_usd or 0) - (bill.usd or 0) if known else None,
        "unknown": bill.unknown,
        "seconds": None if means.answer_ms is None else hits * means.answer_ms / 1000,
    }


def reuse_context() -> dict[str, Any]:
    """Context of the page: sums of the last days."""
    since = timezone.now() - timedelta(days=DAYS)
    daily, means = days(since=since), economy()
    lookups = sum(day.lookups for day in daily)
    hits = sum(day.exact + day.semantic for day in daily)
    return {
        "days": DAYS,
        "scopes": [
            _scope("for everybody", precision(shared=True, since=since)),
            _scope("a person's own", precision(shared=False, since=since)),
        ],
        "situations": [
            _scope(str(situation.label), estimate)
            for situation, estimate in precision_by_situation(since=since).items()
        ],
        "lookups": lookups,
        "hits": hits,
        "hit_rate": 100 * hits / lookups if lookups else None,
        "economy": means,
        "yes_percent": 100 * means.yes,
        "links": link_sums(since=since.date()),
        "links_usd_today": link_usd_today(),
        "saved": _saved(hits, means, judge_bill(since=since)),
    }


def _words(message: Message | None) -> str:
    """The text on one line; a name for a message without words."""
    return " ".join(message.content.split()) or "(no words)" if message else ""


@admin.register(Reuse)
class ReuseAdmin(WatchedList[Reuse], ReadOnlyAdmin[Reuse]):
    """Figures above, the single reuses below; nothing to change."""

    list_display = (
        "question", "answer", "served", "scope", "situation", "estimate", "threshold", "judged", "audited",
        "created_at",
    )  # fmt: skip
    list_display_links = None
    list_filter = ("served", "shared", "situation", "judged", "audited")
    list_fullwidth = True
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    list_before_template = "conversations/admin/reuse.html"
    list_select_related = ("message__answers", "message__conversation__owner")
    search_fields = ("message__content", "message__answers__content")
    search_help_text = "Words of the question or the answer"
    ordering = ("-created_at",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), **reuse_context()}
        context |= chart_context(request, "reuse", "calibration")
        return super().changelist_view(request, context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reuse]:
        # The list shows no script and no calls, the widest columns.
        return super().get_queryset(request).defer("message__script", "message__attempts")

    @column("question")
    def question(self, row: Reuse) -> str:
        return admin_link(row.message.answers, truncatechars(_words(row.message.answers), 80))

    @column("answer")
    def answer(self, row: Reuse) -> str:
        return admin_link(row.message, truncatechars(_words(row.message), 80))

    @column("for", ordering="shared")
    def scope(self, row: Reuse) -> str:
        return "all users" if row.shared else "the same user"

    @column("probability", ordering="probability")
    def estimate(self, row: Reuse) -> str:
        return f"{row.probability:.3f}"

    @column("cut", ordering="cut")
    def threshold(self, row: Reuse) -> str:
        return f"{row.cut:.3f}"
