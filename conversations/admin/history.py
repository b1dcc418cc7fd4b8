"""History pages: lists that take no longer when there is more history, and readers of people's words, in the
audit log."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_date
from unfold.paginator import InfinitePaginator

from conversations.models import first_id_at
from conversations.storage.audit import audit
from conversations.storage.erasure import owned_tables
from routing.common.admin import Admin, M, ReadOnlyAdmin


class WatchedList(Admin[M]):
    """A page whose list shows people's words: the audit log names its readers."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        if response.status_code == 200:
            note_list(request, str(self.opts.model_name))
        return response


class HistoryAdmin(WatchedList[M], ReadOnlyAdmin[M]):
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

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        row = self.get_object(request, object_id)
        if row is not None and response.status_code == 200:
            audit(f"{self.opts.model_name}.viewed", row, person=person_of(row))
        return response

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


def note_list(request: HttpRequest, name: str) -> None:
    """Audit the reader of a list, with the names of filters alone: a value may be words of a person."""
    used = sorted(each for each in request.GET if request.GET[each])
    audit(f"{name}.listed", details={"filters": used[:20]})


def person_of(row: Any) -> int | None:
    """The owner of a row of the history."""
    chain = owned_tables().get(type(row))
    found: Any = row
    for part in chain.split("__") if chain else ():
        found = getattr(found, part)
    return found.pk if chain else None


def _parsed(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
