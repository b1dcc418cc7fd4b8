"""Drafts and publishing, as every page of the rules' room knows them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from routing.common.admin import Admin, M
from routing.domain.errors import PublishConflict, PublishRefused, RuleSetInvalid
from routing.domain.release import Stage
from routing.publishing.draft import draft_now
from routing.publishing.selectors import release_row
from routing.publishing.services import ruleset_publish

BANNER = "routing/admin/publish_banner.html"
MAY_PUBLISH = "routing.publish_rulesetversion"
DELETED = "Deleted from the draft: nothing live changes until it is published."


class BanneredAdmin(Admin[M]):
    """A page that says which version is live and what is not published yet."""

    list_before_template = BANNER
    change_form_outer_before_template = BANNER

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, with_draft(request, extra_context))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        object_id = self.row_opened(request, object_id)
        context = {**with_draft(request, extra_context), **self.row_context(object_id)}
        return self.row_closed(
            request, super().changeform_view(request, object_id, form_url, context)
        )

    def row_opened(self, request: HttpRequest, object_id: str | None) -> str | None:
        """The row whose page is shown; ``None`` for a new one."""
        return object_id

    def row_context(self, object_id: str | None) -> dict[str, Any]:
        """What else a row's page shows."""
        return {}

    def row_closed(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """What follows a row's page."""
        return response


def with_draft(request: HttpRequest, extra_context: dict[str, Any] | None) -> dict[str, Any]:
    """What the banner and the buttons show."""
    may_publish = request.user.has_perm(MAY_PUBLISH)
    return {**(extra_context or {}), "draft": draft_now(), "may_publish": may_publish}


class SavedRedirect(HttpResponseRedirect):
    """Leads on from a page whose change was saved."""


class PublishingAdmin(BanneredAdmin[M]):
    """A page that saves the draft and, unless asked not to, publishes it afterwards.

    Publishing begins when the save is committed: its checks may take seconds, and no transaction waits
    for them. What is deleted goes from the draft alone: no single click takes a rule from its users.
    """

    warn_unsaved_form = True

    def row_opened(self, request: HttpRequest, object_id: str | None) -> str | None:
        if request.method == "POST" and object_id and self.get_object(request, object_id) is None:
            return None  # deleted meanwhile: what was typed is offered as a new row
        return object_id

    def row_closed(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return saved(request, response)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        with transaction.atomic():
            super().delete_queryset(request, queryset)
        messages.info(request, DELETED)

    def response_post_save_add(self, request: HttpRequest, obj: M) -> HttpResponseRedirect:
        return SavedRedirect(super().response_post_save_add(request, obj).url)

    def response_post_save_change(self, request: HttpRequest, obj: M) -> HttpResponseRedirect:
        return SavedRedirect(super().response_post_save_change(request, obj).url)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        messages.info(request, DELETED)
        return super().response_delete(request, obj_display, obj_id)

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if not self.has_change_permission(request, obj):
            return fieldsets
        return [*fieldsets, ("When it is published", {"fields": ("why", "opened")})]


def saved(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """What follows a save: nothing more for a draft, else the publication; a page that was not saved is
    returned as it is."""
    if not isinstance(response, SavedRedirect):
        return response
    if "_draft" in request.POST or not request.user.has_perm(MAY_PUBLISH):
        messages.info(request, "Saved as a draft: nothing live has changed.")
        return response
    if (release := release_row()) and release.stage != Stage.ALL:
        messages.warning(
            request, "Saved as a draft, because a version is on trial: choose here how to go on."
        )
        return HttpResponseRedirect(reverse("admin:routing_publish"))
    published = announce(request, why=request.POST.get("why", ""))
    return response if published else HttpResponseRedirect(reverse("admin:routing_publish"))


def announce(request: HttpRequest, **publication: Any) -> bool:
    """Publish in the person's name and say what came of it; ``False`` where it was refused."""
    before = release_row()
    try:
        version = ruleset_publish(by=request.user, **publication)
    except (RuleSetInvalid, PublishRefused, PublishConflict) as exc:
        messages.warning(request, f"Saved, but not published yet: {exc}")
        return isinstance(exc, RuleSetInvalid)
    if before is None or version.number != before.live_id:
        url = reverse("admin:routing_rulesetversion_change", args=[version.number])
        link = format_html(
            '<a class="assistant-link" href="{}">version {}</a>', url, version.number
        )
        messages.success(request, format_html("Published as {}.", link))
    return True
