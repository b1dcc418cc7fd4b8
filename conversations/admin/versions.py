"""Extension of the versions' pages: measures of each version, and two versions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from conversations.admin.history import WatchedList
from conversations.models import ShadowDecision, VersionPerformance
from conversations.stats.pending import add_up_if_possible
from routing.admin.publishing import ExtraPage, Panel
from routing.admin.versions import VersionAdmin
from routing.common.admin import (
    MOST_DIGITS,
    NOTHING,
    ChoicesDropdownFilter,
    ReadOnlyAdmin,
    admin_link,
    column,
    rendered,
)
from routing.common.statistics import Estimate, mean, share
from routing.models import RuleSetVersion
from routing.publishing.draft import changes_since
from routing.publishing.selectors import ruleset_of


@dataclass(frozen=True, slots=True)
class Figures:
    """Measures of one version, or of one of its rules."""

    name: str
    sums: VersionPerformance

    @property
    def feedback(self) -> Estimate | None:
        """Share of good verdicts."""
        good, bad = max(0, self.sums.feedback_good), max(0, self.sums.feedback_bad)
        return share(good, good + bad)

    @property
    def cost(self) -> Estimate | None:
        """US dollars an answer that was not from the cache, without its classification."""
        sums = self.sums
        return mean(float(sums.cost_usd), sums.cost_squares, sums.total_count - sums.unpriced)

    @property
    def first_token(self) -> Estimate | None:
        """Milliseconds to the first token."""
        sums = self.sums
        return mean(sums.first_token_ms_sum, sums.first_token_ms_squares, sums.first_token_count)

    @property
    def total(self) -> Estimate | None:
        """Milliseconds of a whole answer."""
        sums = self.sums
        return mean(sums.total_ms_sum, sums.total_ms_squares, sums.total_count)

    @property
    def agreement(self) -> Estimate | None:
        """Share of the decisions in shadow that were the same."""
        return share(self.sums.shadow_agreed, self.sums.shadow_decisions)

    @property
    def failed(self) -> Estimate | None:
        """Share of the answers that failed."""
        return share(self.sums.failures, self.sums.failures + self.sums.answers)

    @property
    def texts(self) -> dict[str, str]:
        """Every measure in words, by its name."""
        cost = Decimal(self.sums.classify_cost_usd)
        count = self.sums.total_count - self.sums.classify_unpriced
        return {name: interval_text(getattr(self, name), unit) for _, name, unit in COMPARED} | {
            "agreement": interval_text(self.agreement, "share"),
            "classification": f"${cost / count:.6f}" if count > 0 else NOTHING,
        }


def interval_text(estimate: Estimate | None, unit: str) -> str:
    """A value with its interval, in words."""
    if estimate is None:
        return NOTHING
    if unit == "share":
        low, high = f"{estimate.low:.1%}", f"{estimate.high:.1%}"
        return f"{estimate.value:.1%} ({low} to {high}, of {estimate.count:,})"
    form = "${:.6f}" if unit == "dollars" else "{:,.0f} ms"
    value = form.format(estimate.value)
    if estimate.count == 1:
        return f"{value} (one only)"
    low, high = form.format(estimate.low), form.format(estimate.high)
    return f"{value} ({low} to {high}, of {estimate.count:,})"


def figures_of(number: int) -> Figures:
    """Sums of a whole version, brought up to date first."""
    add_up_if_possible()
    totals = {name: Sum(name, default=0) for name in VersionPerformance.added()}
    sums = VersionPerformance.objects.filter(ruleset=number).aggregate(**totals)
    return Figures(f"Version {number}", VersionPerformance(**sums))


def figures_by_rule(number: int) -> list[Figures]:
    """The sums of its rules, most answers first."""
    rows = VersionPerformance.objects.filter(ruleset=number).order_by("-answers", "rule")
    return [Figures(row.rule or "(no rule)", row) for row in rows]


COMPARED = (
    ("Good feedback", "feedback", "share"),
    ("Cost of an answer", "cost", "dollars"),
    ("First token", "first_token", "milliseconds"),
    ("Whole answer", "total", "milliseconds"),
    ("Failed answers", "failed", "share"),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of two versions."""

    label: str
    unit: str
    a: Estimate | None
    b: Estimate | None

    @property
    def texts(self) -> tuple[str, str]:
        """Both in words."""
        return interval_text(self.a, self.unit), interval_text(self.b, self.unit)

    @property
    def verdict(self) -> str:
        """Whether the difference is more than chance, in words."""
        if self.a is None or self.b is None:
            return "too little is known"
        if not self.a.apart_from(self.b):
            return "no clear difference"
        return "higher" if self.b.value > self.a.value else "lower"


def comparisons(a: Figures, b: Figures) -> Sequence[Comparison]:
    """All measures; the verdicts are about the second."""
    return [
        Comparison(label, unit, getattr(a, name), getattr(b, name))
        for label, name, unit in COMPARED
    ]


def compare_view(page: VersionAdmin, request: HttpRequest) -> HttpResponse:
    """``?a=12&b=13``: the changes of the second against the first, and the measures of both."""
    if not page.has_view_permission(request):
        raise Http404
    numbers = list(RuleSetVersion.objects.values_list("number", flat=True)[:100])
    a, b = (_requested(request, name, numbers, at) for at, name in ((1, "a"), (0, "b")))
    figures = [figures_of(a.number), figures_of(b.number)]
    context = {
        "title": f"Versions {a.number} and {b.number}",
        "numbers": numbers,
        "a": a,
        "b": b,
        "changes": changes_since(a, ruleset_of(b)),
        "comparisons": comparisons(*figures),
        "figures": figures,
    }
    return page.framed(request, "conversations/admin/compare.html", context)


def _requested(request: HttpRequest, name: str, numbers: list[int], at: int) -> RuleSetVersion:
    """The version in the parameter ``name``, else the one at this place of the list."""
    number = request.GET.get(name, "")
    if number.isdecimal() and len(number) <= MOST_DIGITS:
        return get_object_or_404(RuleSetVersion, pk=int(number))
    if not numbers:
        raise Http404
    return get_object_or_404(RuleSetVersion, pk=numbers[min(at, len(numbers) - 1)])


@column("answers")
def numbers(row: RuleSetVersion) -> SafeString:
    """The measures of a version and of each of its rules."""
    return rendered(
        "conversations/admin/figures.html",
        whole=figures_of(row.number),
        rules=figures_by_rule(row.number),
        version=row,
    )


@column("messages")
def messages_link(row: RuleSetVersion) -> SafeString:
    """Links to the messages and shadow decisions of a version."""
    return rendered(
        "conversations/admin/version_links.html",
        version=row,
        messages=reverse("admin:conversations_message_changelist"),
        shadows=reverse("admin:conversations_shadowdecision_changelist"),
    )


VersionAdmin.panels.append(Panel("How it does", (numbers, messages_link)))
VersionAdmin.pages.append(ExtraPage("compare/", "routing_compare", compare_view))
VersionAdmin.row_buttons.append("conversations/admin/compare_button.html")


@admin.register(ShadowDecision)
class ShadowDecisionAdmin(WatchedList[ShadowDecision], ReadOnlyAdmin[ShadowDecision]):
    """Decisions of versions in shadow, beside those of the live version."""

    list_display = (
        "prompt", "version", "same", "instead_of", "would", "rule", "source", "cost", "created_at",
    )  # fmt: skip
    # The prompt leads to its message, and no link may lie in another.
    list_display_links = ("created_at",)
    list_filter = (("agrees", ChoicesDropdownFilter),)
    list_select_related = ("message", "message__answers")
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ShadowDecision]:
        return super().get_queryset(request).defer("message__script", "message__attempts")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in {"ruleset", "agrees"} or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @column("prompt")
    def prompt(self, row: ShadowDecision) -> str:
        question = row.message.answers
        return admin_link(row.message, (question.content[:80] if question else "") or "a message")

    @column("same", labels={"same": "success", "other": "warning"})
    def same(self, row: ShadowDecision) -> str:
        return "same" if row.agrees else "other"

    @column("version", ordering="ruleset")
    def version(self, row: ShadowDecision) -> str:
        return str(row.ruleset)

    @column("cost", ordering="cost_usd")
    def cost(self, row: ShadowDecision) -> str:
        return NOTHING if row.cost_usd is None else f"${row.cost_usd:.4f}"

    @column("was done")
    def instead_of(self, row: ShadowDecision) -> str:
        return f"{row.message.action} {row.message.model}".strip() or NOTHING

    @column("would be done")
    def would(self, row: ShadowDecision) -> str:
        return f"{row.action} {row.model}".strip()
