"""Page of the audit log: read, filtered, and exported as JSON lines; never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import orjson
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from unfold.paginator import InfinitePaginator

from conversations.models import AuditEntry, AuditPerson
from conversations.storage.audit import audit, audit_objects, names_of
from routing.common.admin import NOTHING, DropdownFilter, RangeDateFilter, ReadOnlyAdmin, column

MOST_ACTIONS = 200
NDJSON = "application/x-ndjson"


class AuditActionFilter(DropdownFilter):
    """By the action."""

    title, parameter_name = "action", "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
        return [(name, name) for name in names[:MOST_ACTIONS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin[AuditEntry]):
    """Acts of people, and looks at conversations of others."""

    list_display = ("at", "action", "who", "network", "kind", "subject", "name", "whose")
    list_filter = (AuditActionFilter, ("at", RangeDateFilter))
    list_filter_submit = True
    list_fullwidth = True
    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ("=subject", "=name", "=action")
    search_help_text = (
        "A user name (as actor or as the person that it is about), an id, a name or an action"
    )
    list_before_template = "conversations/admin/audit_export.html"
    fields = (
        "at",
        "action",
        "who",
        "key",
        "network",
        "kind",
        "subject",
        "name",
        "whose",
        "details",
    )
    readonly_fields = ("who", "whose")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="conversations_audit_export"), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        people = AuditPerson.objects.filter(name=search_term.strip()) if search_term.strip() else []
        if ids := [person.pk for person in people]:
            return queryset.filter(actor__in=ids) | queryset.filter(person__in=ids), False
        return super().get_search_results(request, queryset, search_term)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The entries of the list, with its filters, as JSON lines."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_changelist_instance(request).get_queryset(request)
        used = sorted(name for name in request.GET if request.GET[name])
        audit("audit_log.exported", details={"filters": used[:20]})
        response = StreamingHttpResponse(_lines(rows), content_type=NDJSON)
        response["Content-Disposition"] = 'attachment; filename="audit.ndjson"'
        return response

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        query = request.GET.urlencode()
        extra = {**(extra_context or {}), "export_query": query}
        response = super().changelist_view(request, extra)
        context: dict[str, Any] = getattr(response, "context_data", None) or {}
        rows = context["cl"].result_list if "cl" in context else ()
        names = names_of(rows)
        for row in rows:
            row.names = names
        return response

    @column("who")
    def who(self, row: AuditEntry) -> str:
        return _name(row, row.actor) if row.actor else "command or service"

    @column("about")
    def whose(self, row: AuditEntry) -> str:
        return _name(row, row.person) if row.person else NOTHING


def _name(row: AuditEntry, pseudonym: UUID) -> str:
    """The name behind a pseudonym of a row, which has those of its list beside it."""
    names: Mapping[UUID, str] = getattr(row, "names", None) or names_of([row])
    return names.get(pseudonym, NOTHING)


def _lines(rows: QuerySet[AuditEntry]) -> Iterator[bytes]:
    for row in audit_objects(rows.order_by()):
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
