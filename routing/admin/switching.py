"""Switching several rows on or off at once, in the draft."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from routing.admin.publishing import PublishingAdmin
from routing.common.admin import M


class SwitchingAdmin(PublishingAdmin[M]):
    """A list whose rows have a switch. Nothing live follows it until the draft is published."""

    actions = ("switch_on", "switch_off")

    @admin.action(description="Enable the selected in the draft", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Have the rows published with the next version."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Disable the selected in the draft", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Leave the rows out of the next version."""
        self._switch(request, queryset, enabled=False)

    def kept_on(self, row: M) -> str:
        """Why the row can't be switched off; empty where it can."""
        return ""

    @transaction.atomic
    def _switch(self, request: HttpRequest, queryset: QuerySet[M], *, enabled: bool) -> None:
        # Locked by their keys: PostgreSQL locks no optional side of the list's joins.
        chosen = list(queryset.values_list("pk", flat=True))
        rows: Any = self.model._default_manager.select_for_update()  # noqa: SLF001 - documented
        switched = 0
        for row in rows.filter(pk__in=chosen).exclude(enabled=enabled):
            if not enabled and (why := self.kept_on(row)):
                messages.error(request, f"“{row}” stays enabled: {why}")
                continue
            row.enabled, row.revision = enabled, row.revision + 1
            row.save(update_fields=["enabled", "revision"])
            self.log_change(request, row, [{"changed": {"fields": ["Enabled"]}}])
            switched += 1
        done = "Enabled" if enabled else "Disabled"
        told = "nothing live changes until it is published."
        messages.info(request, f"{done} {switched} in the draft: {told}")
