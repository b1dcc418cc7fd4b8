"""Bases of the admin pages about rules: the banner, saving as a draft, and the extension points.

An app above adds to a page without a subclass, from its own admin module:
``VersionAdmin.panels.append(Panel("How it does", (numbers,)))``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from routing.common.admin import Admin, M
from routing.domain.errors import PublishConflict, PublishRefused, RuleSetInvalid
from routing.domain.release import Stage
from routing.publishing.draft import draft_now
from routing.publishing.selectors import release_row
from routing.publishing.services import ruleset_publish

MAY_PUBLISH = "routing.publish_rulesetversion"
DELETED = "Deleted from the draft: nothing live changes until it is published."


Column = Callable[[Any], SafeString | str]
"""A read-only field: a function of the row, named by ``column``."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Extension: columns in a fieldset of a row's page. Where the page has a fieldset of this title the
    columns join it, else the panel follows the first fieldset."""

    title: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class ExtraPage:
    """Extension: a page below a table's list, ``view(admin, request, **parts of the route)``, whose URL
    is named ``admin:<name>``. ``post_only`` refuses every other method."""

    route: str
    name: str
    view: Callable[..., HttpResponse]
    post_only: bool = False

    def url(self, page: Admin[Any]) -> URLPattern:
        """The pattern, open to people who may enter the admin."""
        view: Callable[..., HttpResponse] = partial(self.view, page)
        guarded = require_POST(view) if self.post_only else view
        return path(self.route, page.admin_site.admin_view(guarded), name=self.name)


class BanneredAdmin(Admin[M]):
    """Page with a banner that tells which version is live and the changes not published yet.

    Its extension points are lists of each class's own: ``panels``, ``pages``, and names of templates
    that are shown above the rows (``list_parts``) or as buttons on a row's page (``row_buttons``).
    ``row_figures`` are functions that give the rows of a list figures for its columns, ``row_readers``
    note the reader of a list's rows, or of a row's page.
    """

    list_before_template = "routing/admin/list_before.html"
    change_form_outer_before_template = "routing/admin/publish_banner.html"
    change_form_before_template = "routing/admin/row_buttons.html"
    panels: ClassVar[list[Panel]] = []
    pages: ClassVar[list[ExtraPage]] = []
    list_parts: ClassVar[list[str]] = []
    row_buttons: ClassVar[list[str]] = []
    row_figures: ClassVar[list[Callable[[Sequence[Any]], None]]] = []
    row_readers: ClassVar[list[Callable[[HttpRequest, Sequence[Any]], None]]] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("panels", "pages", "list_parts", "row_buttons", "row_figures", "row_readers"):
            setattr(cls, name, list(getattr(cls, name)))

    def get_urls(self) -> list[URLPattern]:
        # Before Django's own: one of them takes every path for a row's key.
        return [*(page.url(self) for page in self.pages), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        fieldsets: list[tuple[Any, Any]] = list(super().get_fieldsets(request, obj))
        for panel in self.panels:
            titles = [title for title, _ in fieldsets]
            if panel.title in titles:
                at = titles.index(panel.title)
                title, options = fieldsets[at]
                fields = (*options["fields"], *panel.columns)
                fieldsets[at] = (title, {**options, "fields": fields})
            else:
                fieldsets.insert(1, (panel.title, {"fields": panel.columns}))
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> Any:
        added = [field for panel in self.panels for field in panel.columns]
        return [*super().get_readonly_fields(request, obj), *added]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        parts = {**(extra_context or {}), "list_parts": self.list_parts}
        response = super().changelist_view(request, with_draft(request, parts))
        context: dict[str, Any] = getattr(response, "context_data", None) or {}
        if "cl" in context:
            for add in self.row_figures:
                add(context["cl"].result_list)
            for tell in self.row_readers:
                tell(request, context["cl"].result_list)
        return response

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        object_id = self.row_opened(request, object_id)
        parts = {**(extra_context or {}), "row_buttons": self.row_buttons}
        context = {**with_draft(request, parts), **self.row_context(object_id)}
        response = super().changeform_view(request, object_id, form_url, context)
        shown: dict[str, Any] = getattr(response, "context_data", None) or {}
        if row := shown.get("original"):
            for tell in self.row_readers:
                tell(request, [row])
        return self.row_closed(request, response)

    def framed(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        """A page of its own, with the admin's frame and the banner."""
        frame = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, with_draft(request, {**frame, **context}))

    def row_opened(self, request: HttpRequest, object_id: str | None) -> str | None:
        """The row whose page is shown; ``None`` for a new one."""
        return object_id

    def row_context(self, object_id: str | None) -> dict[str, Any]:
        """More context of a row's page."""
        return {}

    def row_closed(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The response after a row's page; a subclass may lead on."""
        return response


notices: list[Callable[[], Sequence[str]]] = []
"""Extension point: sentences for the banner, from packages above this one."""


def with_draft(request: HttpRequest, extra_context: dict[str, Any] | None) -> dict[str, Any]:
    """The context of the banner and the buttons."""
    may_publish = request.user.has_perm(MAY_PUBLISH)
    told = [sentence for notice in notices for sentence in notice()]
    own = {"draft": draft_now(), "may_publish": may_publish, "notices": told}
    return {**(extra_context or {}), **own}


class SavedRedirect(HttpResponseRedirect):
    """Redirect from a page after its change was saved."""


class PublishingAdmin(BanneredAdmin[M]):
    """A page that saves the draft and, unless asked not to, publishes it afterwards.

    Publishing begins when the save is committed: its checks may take seconds, and no transaction waits
    for them. A deletion changes the draft alone: no single click takes a rule from its users.
    """

    warn_unsaved_form = True
    deletion_note = DELETED

    def row_opened(self, request: HttpRequest, object_id: str | None) -> str | None:
        if request.method == "POST" and object_id and self.get_object(request, object_id) is None:
            return None  # deleted meanwhile: what was typed is offered as a new row
        return object_id

    def row_closed(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return saved(request, response)

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
    """Publish after a save, unless it is a draft; a page that was not saved is returned as it is."""
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
    """Publish in the person's name and show the result; ``False`` where it was refused."""
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
