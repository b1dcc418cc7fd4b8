"""Bulk deletion for every list of the admin: bounded pages, batches and transactions.

Django's own action writes a hidden field per row into its confirmation, which the server refuses over
``DATA_UPLOAD_MAX_NUMBER_FIELDS``, and holds all rows in memory. Here the choice "all across pages" stays
one field (``select_across``), and the confirmation carries the newest row it was shown for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import router, transaction
from django.db.models import Model, ProtectedError, QuerySet, RestrictedError
from django.db.models.deletion import Collector
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy

Page: TypeAlias = "admin.ModelAdmin[Any]"

BATCH = 200
"""Rows that are read, or deleted in one transaction."""
SHOWN = 100
"""Rows that the confirmation names, and protected rows likewise; the others are counted."""
FEW = 5
"""Rows named of those that go with one row."""
NEWEST = "newest"
"""The field of the confirmation with the key of the last row that it was shown for."""


@dataclass
class Deletion:
    """The effect of deleting rows, for the confirmation: at most ``SHOWN`` names, all counts, the
    permissions that lack, and the rows that are protected."""

    names: list[Any] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lacking: set[str] = field(default_factory=set)
    protected: list[Any] = field(default_factory=list)


@admin.action(
    permissions=["delete"],
    description=gettext_lazy("Delete selected %(verbose_name_plural)s"),
)
def delete_selected(
    page: Page, request: HttpRequest, rows: QuerySet[Any]
) -> TemplateResponse | None:
    """Confirm a deletion, then do it. Replaces Django's action of this name on the whole site."""
    rows = _until(rows, request.POST.get(NEWEST))
    deletion = _deletion(page, request, rows)
    if not request.POST.get("post") or deletion.protected or deletion.lacking:
        return _confirmation(page, request, rows, deletion)
    count = 0
    try:
        for batch in _batches(rows):
            _delete(page, request, batch)
            count += len(batch)
    except (
        ProtectedError,
        RestrictedError,
    ) as exc:  # a row that came to need one of them meanwhile
        kept = ", ".join(map(str, [*exc.args[1]][:SHOWN]))
        messages.error(request, f"Stopped: some rows are needed by {kept}.")
    if count:
        told = f"Successfully deleted {count} {model_ngettext(page.opts, count)}."
        page.message_user(request, told, messages.SUCCESS)
        if note := getattr(page, "deletion_note", ""):
            messages.info(request, note)
    return None


def _until(rows: QuerySet[Any], newest: str | None) -> QuerySet[Any]:
    """The rows that a confirmation was shown for: keys grow with time."""
    try:
        return rows.filter(pk__lte=newest) if newest else rows
    except (ValueError, ValidationError) as exc:
        raise PermissionDenied from exc


def _batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """The rows by their keys, however many there are, and also while they are deleted."""
    rows, last = rows.order_by("pk"), None
    while batch := list((rows.filter(pk__gt=last) if last is not None else rows)[:BATCH]):
        yield batch
        last = batch[-1].pk


def _deletion(page: Page, request: HttpRequest, rows: QuerySet[Any]) -> Deletion:
    found, plain = Deletion(), _is_plain(rows)
    for batch in _batches(rows):
        kept = [row for row in batch if not page.has_delete_permission(request, row)]
        found.protected += [f"{page.opts.verbose_name}: {row}" for row in kept]
        # Rows that nothing depends on need no look at the tables around them.
        if plain and found.names:
            found.counts[str(page.opts.verbose_name_plural)] += len(batch)
        else:
            _look_around(page, request, batch, found)
        if kept:
            found.lacking.discard(str(page.opts.verbose_name))
    del found.protected[SHOWN:]
    return found


def _is_plain(rows: QuerySet[Any]) -> bool:
    collector = Collector(using=router.db_for_write(rows.model), origin=rows)
    # An ordering or a join of the list would hide it.
    return collector.can_fast_delete(rows.model._default_manager.all())  # noqa: SLF001 - documented


def _look_around(page: Page, request: HttpRequest, batch: Sequence[Model], found: Deletion) -> None:
    names, counts, lacking, protected = page.get_deleted_objects(batch, request)
    # Rows and, in lists of their own, the first of the rows that go with each.
    shown: list[Any] = names[: max(0, SHOWN - len(found.names))]
    found.names += [name[:FEW] if isinstance(name, list) else name for name in shown]
    found.counts.update({str(name): count for name, count in counts.items()})
    found.lacking |= {str(name) for name in lacking}
    found.protected += protected[: max(0, SHOWN - len(found.protected))]


def _delete(page: Page, request: HttpRequest, batch: Sequence[Model]) -> None:
    rows = page.model._default_manager.filter(pk__in=[row.pk for row in batch])  # noqa: SLF001
    with transaction.atomic():
        page.log_deletions(request, rows)
        page.delete_queryset(request, rows)


def _confirmation(
    page: Page, request: HttpRequest, rows: QuerySet[Any], deletion: Deletion
) -> TemplateResponse:
    across = request.POST.get("select_across") == "1"
    keys = rows.order_by("pk").values_list("pk", flat=True)
    newest = keys.last() if across else None
    # Of all across pages one stands for them: the list looks for the field before the choice.
    chosen = keys[:1] if across else keys
    count, name = deletion.counts[str(page.opts.verbose_name_plural)], model_ngettext(rows)
    refused = deletion.lacking or deletion.protected
    context = {
        **page.admin_site.each_context(request),
        "title": f"Cannot delete {name}" if refused else "Delete multiple objects",
        "objects_name": str(name),
        "deletion": deletion,
        "model_count": dict(deletion.counts).items(),
        "more": max(0, count - SHOWN),
        "hidden": [
            *((helpers.ACTION_CHECKBOX_NAME, key) for key in chosen),
            *([("select_across", 1), (NEWEST, newest)] if across else []),
            *([("dataset", given)] if (given := request.POST.get("dataset")) else []),
        ],
        "opts": page.opts,
        "media": page.media,
    }
    request.current_app = page.admin_site.name
    template = page.delete_selected_confirmation_template or "routing/admin/bulk_delete.html"
    status = 403 if refused and request.POST.get("post") else 200
    return TemplateResponse(request, template, context, status=status)
