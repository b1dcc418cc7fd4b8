"""Page of reuse by meaning: precision with its interval, hits and savings over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.paginator import InfinitePaginator

from conversations.feedback.reuse_records import (
    DAYS,
    Day,
    Economy,
    days,
    economy,
    judge_bill,
    precision,
)
from conversations.models import Reuse
from routing.common.admin import ReadOnlyAdmin, column
from routing.reuse.model import Precision

WIDTH, HEIGHT, GAP = 720, 150, 4
LOWEST = 0.8
"""The precision at the foot of its chart."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One day in the charts, in the units of the picture: exact hits stand on similar ones."""

    day: Day
    x: float
    width: float
    exact_y: float
    exact_height: float
    semantic_y: float
    semantic_height: float
    right_y: float | None
    best_y: float
    worst_y: float

    @property
    def middle(self) -> float:
        """Horizontal place of the day's precision."""
        return self.x + self.width / 2


def bars(held: list[Day]) -> list[Bar]:
    """The days beside each other, each as wide as there is room for."""
    step = WIDTH / max(len(held), 1)
    return [_bar(day, at * step, step - GAP) for at, day in enumerate(held)]


def _bar(day: Day, x: float, width: float) -> Bar:
    exact, semantic = (HEIGHT * count / max(day.asked, 1) for count in (day.exact, day.semantic))
    worst, best = day.precision.interval
    share = day.precision.share
    return Bar(
        day=day,
        x=round(x, 1),
        width=round(min(width, 48.0), 1),
        exact_y=round(HEIGHT - semantic - exact, 1),
        exact_height=round(exact, 1),
        semantic_y=round(HEIGHT - semantic, 1),
        semantic_height=round(semantic, 1),
        right_y=None if share is None else _height(share),
        best_y=_height(best),
        worst_y=_height(worst),
    )


def _height(share: float) -> float:
    return round(HEIGHT * (1 - (max(share, LOWEST) - LOWEST) / (1 - LOWEST)), 1)


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope's estimated precision, in per cent."""

    name: str
    known: int
    share: float | None
    low: float
    high: float


def _scope(name: str, held: Precision) -> Scope:
    low, high = held.interval
    share = None if held.share is None else 100 * held.share
    return Scope(name, held.known, share, 100 * low, 100 * high)


@dataclass(frozen=True, slots=True)
class Saved:
    """Savings of the hits, less the cost of the judge. US dollars, seconds."""

    usd: float | None
    seconds: float | None


def saved(held: list[Day], means: Economy, bill_usd: float) -> Saved:
    """Each hit saved a mean answer."""
    hits = sum(day.exact + day.semantic for day in held)
    return Saved(
        usd=None if means.answer_usd is None else hits * means.answer_usd - bill_usd,
        seconds=None if means.answer_ms is None else hits * means.answer_ms / 1000,
    )


def reuse_context() -> dict[str, Any]:
    """Context of the page: charts and sums of the last days."""
    since = timezone.now() - timedelta(days=DAYS)
    held, means = days(since=since), economy()
    asked = sum(day.asked for day in held)
    hits = sum(day.exact + day.semantic for day in held)
    return {
        "days": DAYS,
        "bars": bars(held),
        "scopes": [
            _scope("for everybody", precision(shared=True, since=since)),
            _scope("a person's own", precision(shared=False, since=since)),
        ],
        "asked": asked,
        "hits": hits,
        "hit_rate": 100 * hits / asked if asked else None,
        "economy": means,
        "yes_percent": 100 * means.yes,
        "saved": saved(held, means, judge_bill(since=since)),
    }


@admin.register(Reuse)
class ReuseAdmin(ReadOnlyAdmin[Reuse]):
    """Figures above, the single reuses below; nothing to change."""

    list_display = ("created_at", "served", "scope", "told", "needed", "judged", "audited")
    list_display_links = None
    list_filter = ("served", "shared", "judged", "audited")
    list_fullwidth = True
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    list_before_template = "conversations/admin/reuse.html"
    ordering = ("-created_at",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "title": "Answers used again", **reuse_context()}
        return super().changelist_view(request, context)

    @column("scope", ordering="shared")
    def scope(self, row: Reuse) -> str:
        return "everybody" if row.shared else "own"

    @column("probability", ordering="probability")
    def told(self, row: Reuse) -> str:
        return f"{row.probability:.3f}"

    @column("cut", ordering="cut")
    def needed(self, row: Reuse) -> str:
        return f"{row.cut:.3f}"
