"""Dashboard: the live version and the statistics of the last week."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from conversations.admin.performance import total_of, totals_by_model
from conversations.models import ModelPerformance
from conversations.stats.pending import add_up_if_possible
from routing.admin.publishing import with_draft

DAYS = 7


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the parts that the permissions of the reader allow to the context of the first page."""
    if request.user.has_perm("routing.view_rule"):
        context |= with_draft(request, None)
    if request.user.has_perm("conversations.view_modelperformance"):
        add_up_if_possible()
        since = timezone.now().date() - timedelta(days=DAYS - 1)
        week = totals_by_model(ModelPerformance.objects.filter(day__gte=since))
        context |= {"total": total_of(week), "days": DAYS}
    return context
