"""Golden cases, and the page that tries any prompt."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from conversations.admin.forms import GoldenCaseForm, PromptForm
from conversations.admin.pages import desk_page, permit
from conversations.evaluation.golden import golden_from, golden_run
from conversations.evaluation.try_prompt import Trial, try_prompt
from conversations.models import Message
from routing.admin.publishing import BanneredAdmin
from routing.common.admin import NOTHING, admin_link, column
from routing.domain.decide import plain_name
from routing.domain.errors import RuleSetInvalid
from routing.models import GoldenCase
from routing.publishing.draft import ruleset_build

STATE_LABELS = {"holds": "success", "fails": "danger", "not run yet": ""}
LONGEST_LINKED = 1_500
"""Characters of a prompt that still goes into an address."""


class GoldenCaseAdmin(BanneredAdmin[GoldenCase]):
    """Prompts that publishing is held to."""

    form = GoldenCaseForm
    list_before_template = "conversations/admin/golden_before.html"
    list_display = ("named", "expects", "state", "enabled", "checked_at")
    list_filter = ("enabled", "action")
    search_fields = ("prompt", "rule", "model", "note")
    fieldsets = (
        (None, {"fields": ("prompt",)}),
        ("What must be decided", {"fields": ("action", "rule", "model", "note", "enabled")}),
        ("When it was last run", {"fields": ("result", "checked_at", "made_of")}),
    )
    readonly_fields = ("result", "checked_at", "made_of")

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("try/", guarded(self.try_view), name="routing_try"),
            path("run/", guarded(require_POST(self.run_view)), name="routing_golden_run"),
            path(
                "from/<uuid:message>/",
                guarded(require_POST(self.from_view)),
                name="routing_golden_from",
            ),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: GoldenCase, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.user.pk
        if form.changed_data:
            obj.failure, obj.checked_at = "", None
        super().save_model(request, obj, form, change)

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Decide a prompt by the draft and the live rules; nobody answers it."""
        permit(request, "routing.view_rule")
        form = PromptForm(request.POST or None)
        trial = None
        if request.method == "POST" and form.is_valid():
            trial = try_prompt(form.cleaned_data["prompt"], user=int(request.user.pk or 0))
        context = {"title": "Try a prompt", "form": form, "trial": trial}
        return desk_page(self, request, "try", context | {"keep": trial and _kept_as(trial)})

    def run_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """Run every enabled case against the draft."""
        permit(request, "routing.change_goldencase")
        cases = list(GoldenCase.objects.filter(enabled=True))
        try:
            failures = [failed for failed in golden_run(cases, ruleset_build()) if failed]
        except RuleSetInvalid as exc:
            messages.error(request, f"The draft can't be run: {exc}")
        else:
            told = messages.warning if failures else messages.success
            told(request, f"{len(cases) - len(failures)} of {len(cases)} cases hold.")
        return HttpResponseRedirect(reverse("admin:routing_goldencase_changelist"))

    def from_view(self, request: HttpRequest, message: UUID) -> HttpResponseRedirect:
        """Make a case of a message, expecting what was decided then."""
        permit(request, "routing.add_goldencase", "conversations.view_message")
        case = golden_from(message, by=request.user)
        if case is None:
            messages.error(request, "Nothing was decided about this message.")
            return HttpResponseRedirect(
                reverse("admin:conversations_message_change", args=[message])
            )
        messages.success(request, "Kept as a golden case: say here what matters about it.")
        return HttpResponseRedirect(reverse("admin:routing_goldencase_change", args=[case.pk]))

    @column("prompt", ordering="prompt")
    def named(self, row: GoldenCase) -> str:
        return str(row)

    @column("expects")
    def expects(self, row: GoldenCase) -> str:
        return ", ".join(filter(None, (row.action, row.rule, row.model)))

    @column("last run", labels=STATE_LABELS)
    def state(self, row: GoldenCase) -> str:
        if row.checked_at is None:
            return "not run yet"
        return "fails" if row.failure else "holds"

    @column("result")
    def result(self, row: GoldenCase) -> str:
        if row.checked_at is None:
            return "Not run yet."
        return f"Fails: {row.failure}" if row.failure else "Holds."

    @column("made of")
    def made_of(self, row: GoldenCase) -> str:
        found = Message.objects.filter(pk=row.origin).first() if row.origin else None
        return admin_link(found, "a message") if found else NOTHING


def _kept_as(trial: Trial) -> str:
    """Where a new case is filled in with what the draft decided; empty where it can't be."""
    outcome = trial.draft.outcome or trial.live.outcome
    if outcome is None or not outcome.reached or len(trial.prompt) > LONGEST_LINKED:
        return ""
    decision = outcome.decision
    told = {
        "prompt": trial.prompt,
        "action": decision.action.value,
        "rule": decision.rule or "",
        "model": plain_name(decision.model),
    }
    return f"{reverse('admin:routing_goldencase_add')}?{urlencode(told)}"
