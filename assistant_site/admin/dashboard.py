"""Dashboard: what needs a person, the live version, and the charts of a period."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from conversations.admin.attention import needs
from conversations.admin.charts import MAY_SEE, chart_context
from conversations.admin.performance import total_of, totals_by_model
from conversations.models import ModelPerformance
from conversations.stats.pending import add_up_if_possible
from conversations.stats.period import Period
from routing.admin.publishing import with_draft


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the parts that the permissions of the reader allow to the context of the first page."""
    period = Period.of(request.GET)
    add_up_if_possible()
    context |= {"title": "Start", "needs": needs(request, period)}
    if request.user.has_perm("routing.view_rule"):
        context |= with_draft(request, None)
    if request.user.has_perm(MAY_SEE):
        sums = totals_by_model(ModelPerformance.objects.filter(period.within()))
        context["total"] = total_of(sums)
        context |= chart_context(request, "prompts", "cost", "first-token", "failures")
    return context
