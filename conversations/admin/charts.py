"""Charts: pictures of a period with their tables and CSV files, and small ones in the lists of rules and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin.money_chart import PICTURES
from conversations.admin.pages import bannered_page, require_permissions
from conversations.models import ModelPerformance
from conversations.stats.charts import daily_counts
from conversations.stats.money import money_of
from conversations.stats.pending import add_up_if_possible
from conversations.stats.period import CHOICES, Period
from routing.admin import LLMModelAdmin, RuleAdmin
from routing.common.admin import NOTHING, Admin, column
from routing.common.files import csv_text
from routing.common.statistics import share
from routing.domain.rules import plain_name

MAY_SEE = "conversations.view_modelperformance"
SPARK_DAYS = 14
SPARK_WIDTH, SPARK_HEIGHT = 84, 20


def chart_context(request: HttpRequest, *names: str) -> dict[str, Any]:
    """Context of a page with these charts, for the period of its address."""
    period = Period.of(request.GET)
    charts = [PICTURES[name](period) for name in names]
    return {
        "period": period,
        "period_choices": CHOICES,
        "period_query": f"from={period.first}&to={period.last}",
        "charts": [(chart, asdict(chart)) for chart in charts],
    }


def charts_view(page: Admin[Any], request: HttpRequest) -> HttpResponse:
    """All charts of a period, and its money told whole."""
    require_permissions(request, MAY_SEE)
    add_up_if_possible()
    context = chart_context(request, *PICTURES)
    context["money"] = money_of(context["period"])
    return bannered_page(page, request, "charts", {"title": "Charts", **context})


def csv_view(page: Admin[Any], request: HttpRequest, name: str) -> HttpResponse:
    """The numbers of one chart as CSV."""
    require_permissions(request, MAY_SEE)
    if name not in PICTURES:
        raise Http404
    add_up_if_possible()
    period = Period.of(request.GET)
    chart = PICTURES[name](period)
    file = f"{name}-{period.first}-{period.last}.csv"
    return HttpResponse(
        csv_text(chart.header, chart.rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


# Small pictures in lists


def sparkline(counts: Sequence[int]) -> SafeString:
    """Counts per day as a small line, with its sum in words for screen readers."""
    most = max(*counts, 1)
    step = SPARK_WIDTH / max(len(counts) - 1, 1)
    points = " ".join(
        f"{at * step:.1f},{SPARK_HEIGHT - 1 - (SPARK_HEIGHT - 2) * count / most:.1f}"
        for at, count in enumerate(counts)
    )
    return format_html(
        '<span class="assistant-spark-cell"><svg class="assistant-spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{} '
        'in {} days"><polyline points="{}"/></svg> {}</span>',
        *(SPARK_WIDTH, SPARK_HEIGHT, SPARK_WIDTH, SPARK_HEIGHT),
        *(f"{sum(counts):,}", len(counts), points, f"{sum(counts):,}"),
    )


@column(f"prompts, {SPARK_DAYS} days")
def traffic(row: Any) -> SafeString | str:
    """The prompts that a rule or model was given lately."""
    counts = getattr(row, "daily_counts", None)
    return sparkline(counts) if counts else NOTHING


@column("good ratings")
def liked(row: Any) -> str:
    """The share of good ratings, with the number of ratings."""
    found = getattr(row, "liked", None)
    return f"{found.value:.0%} of {found.count:,}" if found else NOTHING


def add_figures(name: str) -> Any:
    """A function that gives each row of a list its figures, by its name in this column of the sums."""

    def add(rows: Sequence[Any]) -> None:
        counts = _by_plain_name(daily_counts(name, SPARK_DAYS))
        since = timezone.now().date() - timedelta(days=SPARK_DAYS - 1)
        sums = ModelPerformance.objects.filter(day__gte=since).values_list(name)
        rated = sums.annotate(good=Sum("feedback_good"), bad=Sum("feedback_bad")).order_by()
        liked_of = {plain_name(key): share(max(0, good), good + bad) for key, good, bad in rated}
        for row in rows:
            row.daily_counts, row.liked = counts.get(row.name), liked_of.get(row.name)

    return add


def _by_plain_name(counts: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """A stand-in counts as the model it stands for."""
    joined: dict[str, list[int]] = {}
    for name, days in counts.items():
        plain = plain_name(name)
        before = joined.get(plain, [0] * len(days))
        joined[plain] = [one + other for one, other in zip(before, days, strict=True)]
    return joined


for _admin, _name in ((RuleAdmin, "rule"), (LLMModelAdmin, "model")):
    _admin.list_display = (*_admin.list_display, traffic, liked)
    _admin.row_figures.append(add_figures(_name))
