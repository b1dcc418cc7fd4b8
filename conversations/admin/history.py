"""History pages: lists that take no longer when there is more history."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date
from unfold.paginator import InfinitePaginator

from conversations.models import first_id_at
from routing.common.admin import M, ReadOnlyAdmin


class HistoryAdmin(ReadOnlyAdmin[M]):
    """A page of rows whose ids sort by time.

    ``id_fields`` are the fields of a search for an id. No index helps to find words, nor the values of
    the parameters in ``unindexed``: these are looked for in the latest ``search_limit`` rows, or in
    those up to the end of the period of the request.
    """

    id_fields: tuple[str, ...] = ("pk",)
    unindexed: tuple[str, ...] = ()
    search_limit = 100_000
    # Forward and back: a number of pages would cost a count of all rows.
    paginator = InfinitePaginator
    show_full_result_count = False
    list_filter_submit = True

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        try:
            row_id = UUID(search_term.strip())
        except ValueError:
            if search_term.strip() or any(request.GET.get(name) for name in self.unindexed):
                queryset = self._latest(request, queryset)
            return super().get_search_results(request, queryset, search_term)
        matches = Q()
        for field in self.id_fields:
            matches |= Q(**{field: row_id})
        return queryset.filter(matches), False

    def _latest(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        rows = self.model._default_manager.order_by("-pk")  # noqa: SLF001 - Django's documented name
        if last := _parsed(request.GET.get("created_at_to", "")):
            midnight = datetime.combine(last + timedelta(days=1), time.min, UTC)
            rows = rows.filter(pk__lt=first_id_at(midnight))
        ids = rows.values_list("pk", flat=True)
        oldest = ids[self.search_limit : self.search_limit + 1].first()
        return queryset.filter(pk__gt=oldest) if oldest else queryset


def _parsed(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
