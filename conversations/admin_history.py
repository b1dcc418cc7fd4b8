"""The history's pages: lists that take no longer when there is more history."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from routing.admin_base import M, ReadOnlyAdmin


class HistoryAdmin(ReadOnlyAdmin[M]):
    """A page of rows whose ids sort by time.

    ``id_fields`` are searched when an id is asked for. Words are looked for in the latest
    ``words_within`` of what the filters leave: no index helps there.
    """

    id_fields: tuple[str, ...] = ("pk",)
    words_within = 100_000
    # Forward and back: a number of pages would cost a count of all rows.
    paginator = InfinitePaginator
    show_full_result_count = False
    list_filter_submit = True

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(
                request, self._latest(queryset, search_term), search_term
            )
        matches = Q()
        for field in self.id_fields:
            matches |= Q(**{field: wanted})
        return queryset.filter(matches), False

    def _latest(self, queryset: QuerySet[M], search_term: str) -> QuerySet[M]:
        if not search_term.strip():
            return queryset
        ids = queryset.order_by("-pk").values_list("pk", flat=True)
        oldest = ids[self.words_within : self.words_within + 1].first()
        return queryset.filter(pk__gt=oldest) if oldest else queryset
