"""Page of model statistics: totals per model above, sums per day and rule below, of one selection."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet, Sum, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from conversations.admin.charts import charts_view, csv_view
from conversations.admin.filters import ModelFilter, PeriodFilter, RuleFilter
from conversations.models import ModelPerformance, Uncounted
from conversations.stats.pending import add_up_if_possible
from conversations.stats.win_rates import ENOUGH, suggestions, win_rates
from routing.admin.publishing import ExtraPage
from routing.common.admin import NOTHING, RangeDateFilter, ReadOnlyAdmin, column


def totals_by_model(rows: QuerySet[ModelPerformance]) -> list[ModelPerformance]:
    """One query: the sums of each model as a row that is not stored, most answers first."""
    sums = {name: Sum(name) for name in ModelPerformance.added()}
    grouped = rows.order_by().values("model").annotate(**sums).order_by("-answers", "model")
    return [ModelPerformance(**dict[str, Any](row)) for row in grouped]


def total_of(totals: list[ModelPerformance]) -> ModelPerformance:
    """The sum of the models' sums."""
    names = ModelPerformance.added()
    return ModelPerformance(**{name: sum(getattr(row, name) for row in totals) for name in names})


@admin.register(ModelPerformance)
class ModelPerformanceAdmin(ReadOnlyAdmin[ModelPerformance]):
    """Numbers only: no page of a single row, nothing to change."""

    list_display = (
        "day", "model", "rule", "answers", "failures", "cached", "times", "tokens", "cost", "good_bad",
    )  # fmt: skip
    list_display_links = None
    list_filter = (PeriodFilter, ("day", RangeDateFilter), ModelFilter, RuleFilter)
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    show_full_result_count = False
    list_before_template = "conversations/admin/performance.html"
    ordering = ("-day", "model", "rule")

    def get_urls(self) -> list[URLPattern]:
        pages = (
            ExtraPage("charts/", "conversations_charts", charts_view),
            ExtraPage("charts/<slug:name>.csv", "conversations_chart_csv", csv_view),
        )
        return [*(page.url(self) for page in pages), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # First: the list below reads sums that this call brings up to date.
        add_up_if_possible()
        response = super().changelist_view(request, extra_context)
        context: dict[str, Any] | None = getattr(response, "context_data", None)
        if context and "cl" in context:
            rows = context["cl"].queryset
            totals, rates = totals_by_model(rows), win_rates(rows)
            context |= {"totals": totals, "total": total_of(totals), "win_rates": rates}
            context |= {"enough": ENOUGH, "selection": _selection(context["cl"])}
            if request.user.has_perm("routing.view_rule"):
                context["suggestions"] = suggestions(rates)
        return response

    @column("errors / failovers", ordering="errors")
    def failures(self, row: ModelPerformance) -> str:
        return f"{row.errors:,} / {row.failovers:,}"

    @column("cached", ordering="cache_hits")
    def cached(self, row: ModelPerformance) -> int:
        return row.cache_hits

    @column("first token / whole", ordering="first_token_ms_sum")
    def times(self, row: ModelPerformance) -> str:
        if row.total_ms is None:
            return NOTHING
        first = NOTHING if row.first_token_ms is None else f"{row.first_token_ms:,}"
        return f"{first} / {row.total_ms:,} ms"

    @column("tokens in / out", ordering="output_tokens")
    def tokens(self, row: ModelPerformance) -> str:
        return f"{row.input_tokens:,} / {row.output_tokens:,}"

    @column("cost", ordering="cost_usd")
    def cost(self, row: ModelPerformance) -> str:
        unknown = f" and {row.unpriced:,} of unknown cost" if row.unpriced else ""
        return f"${row.cost_usd:.4f}{unknown}"

    @column("good / bad", ordering="feedback_good")
    def good_bad(self, row: ModelPerformance) -> str:
        return f"{row.feedback_good} / {row.feedback_bad}"


def _selection(changes: ChangeList) -> dict[str, Any]:
    """Context of the line that tells what is shown: links to the periods, and the other filters in force."""
    name = PeriodFilter.parameter_name
    chosen = changes.get_filters_params().get(name, [""])[-1]
    choices = {"": "All days"} | {str(days): title for title, days in PeriodFilter.DAYS.items()}
    specs = (each for each in changes.filter_specs if isinstance(each, admin.SimpleListFilter))
    return {
        "periods": [
            {
                "title": title,
                "query": changes.get_query_string({name: days or None}),
                "chosen": days == chosen,
            }
            for days, title in choices.items()
        ],
        "filters": [
            f"{each.title} {each.value()}"
            for each in specs
            if each.value() and not isinstance(each, PeriodFilter)
        ],
    }


@admin.register(Uncounted)
class UncountedAdmin(ReadOnlyAdmin[Uncounted]):
    """Answers whose numbers could not be added to the statistics. Deleting one gives them up."""

    list_display = ("message", "failure")
    search_fields = ("failure",)
    fields = readonly_fields = ("message", "failure", "note")
    actions = ("add_again",)  # type: ignore[assignment] # the base has none
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Uncounted]:
        # As text: one that is not JSON must not hide the others.
        text = Cast("sums", TextField())
        rows = super().get_queryset(request).exclude(failure="").defer("sums")
        return rows.annotate(note=text)

    def note(self, row: Uncounted) -> str:
        return str(row.note)  # type: ignore[attr-defined]

    def has_delete_permission(self, request: HttpRequest, obj: Uncounted | None = None) -> bool:
        return request.user.has_perm("conversations.delete_uncounted")

    @admin.action(description="Add them again", permissions=["delete"])
    def add_again(self, request: HttpRequest, rows: QuerySet[Uncounted]) -> None:
        """Let the next round try again."""
        rows.update(failure="")
