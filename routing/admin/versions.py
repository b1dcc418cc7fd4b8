"""Published versions: their contents, and the steps that release one or roll it back."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, reverse
from django.utils.safestring import SafeString

from routing.admin.publishing import MAY_PUBLISH, BanneredAdmin, ExtraPage, announce
from routing.admin.publishing_forms import PublishForm, RollBackForm, StageForm
from routing.admin.yaml_files import export_view, import_view
from routing.common.admin import NOTHING, ReadOnlyAdmin, column, rendered
from routing.domain.errors import PublishConflict, PublishRefused, RuleSetInvalid, RulesUnavailable
from routing.domain.release import Stage
from routing.models import GoldenCase, RuleSetRelease, RuleSetVersion
from routing.publishing.draft import (
    ClassifierPrompt,
    changes_since,
    doubtful_names,
    draft_now,
    strange_parameters,
    unset_variables,
    without_price,
)
from routing.publishing.selectors import release_row, ruleset_of, succeeded_at
from routing.publishing.services import may_override, ruleset_roll_back, trial_end, version_release

STATE_LABELS = {"live": "success", "shadow": "info", "some users": "info", "past": ""}


@admin.register(RuleSetVersion)
class VersionAdmin(ReadOnlyAdmin[RuleSetVersion], BanneredAdmin[RuleSetVersion]):
    """Every version ever published, as it was."""

    list_display = ("version", "state", "published_at", "published_by", "what_for", "changed")
    list_select_related = ("published_by",)
    list_per_page = 50
    search_fields = ("why", "published_by__username")
    fieldsets = (
        ("What it is", {"fields": ("published_at", "published_by", "what_for", "changes", "overridden", "steps")}),
        ("What it says", {"fields": ("contents",)}),
    )  # fmt: skip
    readonly_fields = ("what_for", "changes", "overridden", "steps", "contents")

    def get_urls(self) -> list[URLPattern]:
        """The steps' pages, as those of an extension are made."""
        own = (
            ExtraPage("publish/", "routing_publish", VersionAdmin.publish_view),
            ExtraPage("<int:number>/roll-back/", "routing_roll_back", VersionAdmin.roll_back_view),
            ExtraPage("<int:number>/stage/", "routing_stage", VersionAdmin.stage_view, True),
            ExtraPage("export/", "routing_export", export_view),
            ExtraPage("<int:number>/export/", "routing_export_version", export_view),
            ExtraPage("import/", "routing_import", import_view),
            ExtraPage("end-trial/", "routing_end_trial", VersionAdmin.end_trial_view, True),
        )
        return [*(page.url(self) for page in own), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleSetVersion]:
        now = {
            f"{name}_now": Subquery(RuleSetRelease.objects.values(name)[:1])
            for name in ("live", "trial", "stage")
        }
        return super().get_queryset(request).annotate(**now)

    # Steps

    def publish_view(self, request: HttpRequest) -> HttpResponse:
        """Show the changes of the draft, ask for the reason, and publish it: to all or in steps."""
        self._permit(request)
        form = PublishForm(_sent(request), may_override=may_override(request.user))
        # The banner's readers and programs post no fields at all: to everybody, without a word.
        if request.method == "POST" and (not request.POST.get("stage") or form.is_valid()):
            told = form.publication() if request.POST.get("stage") else {}
            if announce(request, **told):
                return HttpResponseRedirect(reverse("admin:routing_rule_changelist"))
        draft = draft_now()
        prompt = ClassifierPrompt.of(draft.rules) if draft.rules else None
        unpriced = without_price(draft.rules.models) if draft.rules else []
        context = {"title": "Publish the draft", "form": form, "prompt": prompt}
        context["unpriced"] = unpriced
        models = draft.rules.models if draft.rules else ()
        doubts = (doubtful_names, strange_parameters, unset_variables)
        context["doubtful"] = [told for find in doubts for told in find(models)]
        return self.framed(request, "routing/admin/publish.html", {**context, "publishing": True})

    def roll_back_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Publish an old version again, after its changes are shown and confirmed."""
        self._permit(request)
        version = self._version(number)
        form = RollBackForm(_sent(request), may_override=may_override(request.user))
        if request.method == "POST" and form.is_valid():
            try:
                made = ruleset_roll_back(version, by=request.user, **form.cleaned_data)
            except (PublishRefused, PublishConflict, RulesUnavailable) as exc:
                messages.error(request, f"Not rolled back: {exc}")
            else:
                messages.success(
                    request, f"Version {number} is live again, as version {made.number}."
                )
                if newer := _newer_cases(version):
                    messages.info(request, f"Not asked, because they are younger: {newer}.")
                return self._to(made.number)
        live = release_row()
        changes = changes_since(live.live if live else None, ruleset_of(version))
        context = {
            "title": f"Roll back to version {number}?",
            "form": form,
            "version": version,
            "changes": changes,
            "newer_cases": _newer_cases(version),
        }
        return self.framed(request, "routing/admin/roll_back.html", context)

    def stage_view(self, request: HttpRequest, number: int) -> HttpResponseRedirect:
        """Release a version in shadow, to a share of the users, or to all."""
        self._permit(request)
        form = StageForm(request.POST)
        if not form.is_valid():
            messages.error(request, " ".join(str(e) for told in form.errors.values() for e in told))
            return self._to(number)
        try:
            version_release(self._version(number), by=request.user, **form.release())
        except RuleSetInvalid as exc:
            messages.error(request, str(exc))
        else:
            messages.success(request, f"Version {number}: {form.told()}.")
        return self._to(number)

    def end_trial_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """Let the live version answer all users again."""
        self._permit(request)
        release = trial_end(by=request.user)
        messages.success(request, "The trial is over.")
        if release is None:
            raise Http404
        return self._to(release.live_id)

    @staticmethod
    def _permit(request: HttpRequest) -> None:
        if not request.user.has_perm(MAY_PUBLISH):
            raise PermissionDenied

    @staticmethod
    def _version(number: int) -> RuleSetVersion:
        version = RuleSetVersion.objects.filter(pk=number).first()
        if version is None:
            raise Http404
        return version

    @staticmethod
    def _to(number: int) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:routing_rulesetversion_change", args=[number]))

    # Columns

    @column("version", ordering="number")
    def version(self, row: RuleSetVersion) -> str:
        return f"Version {row.number}"

    @column("state", labels=STATE_LABELS)
    def state(self, row: RuleSetVersion) -> str:
        now: Any = row  # annotated
        if row.number == now.live_now:
            return "live"
        if row.number == now.trial_now:
            return "shadow" if now.stage_now == Stage.SHADOW else "some users"
        return "past"

    @column("why", ordering="why")
    def what_for(self, row: RuleSetVersion) -> str:
        return row.why or NOTHING

    @column("what changed")
    def changed(self, row: RuleSetVersion) -> str:
        more = f" … and {len(row.diff) - 1} more" if len(row.diff) > 1 else ""
        return f"{row.diff[0]}{more}" if row.diff else NOTHING

    @column("what changed")
    def changes(self, row: RuleSetVersion) -> SafeString:
        return rendered("routing/admin/sentences.html", sentences=row.diff)

    @column("published in spite of failed checks")
    def overridden(self, row: RuleSetVersion) -> SafeString | str:
        if not row.failures:
            return NOTHING
        return rendered("routing/admin/overridden.html", version=row)

    @column("released")
    def steps(self, row: RuleSetVersion) -> SafeString:
        """The releases: when, to which users, and by which administrator."""
        either = RuleSetRelease.objects.filter(Q(live=row) | Q(trial=row))
        steps = either.select_related("released_by").order_by("number")
        return rendered("routing/admin/steps.html", steps=steps, version=row)

    @column("contents")
    def contents(self, row: RuleSetVersion) -> SafeString:
        pretty = json.dumps(row.blob, indent=2, ensure_ascii=False)
        prompt = ClassifierPrompt.of(ruleset_of(row))
        return rendered("routing/admin/version.html", blob=row.blob, json=pretty, prompt=prompt)

    change_form_before_template = "routing/admin/version_actions.html"
    change_form_outer_after_template = "routing/admin/version_stage.html"

    def row_context(self, object_id: str | None) -> dict[str, Any]:
        release = release_row()
        return {
            "title": f"Version {object_id}",
            "is_live": bool(release and str(release.live_id) == object_id),
            "is_trial": bool(release and str(release.trial_id) == object_id),
            "was_live": RuleSetRelease.objects.filter(live_id=int(object_id or 0)).exists(),
            "release": release,
            "stage_form": StageForm(initial={"stage": Stage.SHADOW}),
        }


def _newer_cases(version: RuleSetVersion) -> str:
    """The number of golden cases that a roll-back to the version passes over, in words; empty for none."""
    until = succeeded_at(version)
    count = GoldenCase.objects.filter(enabled=True, created_at__gt=until).count() if until else 0
    return f"{count} golden case{'s' if count > 1 else ''}" if count else ""


def _sent(request: HttpRequest) -> QueryDict | None:
    """The posted fields, even if there are none; ``None`` for another method."""
    return request.POST if request.method == "POST" else None
