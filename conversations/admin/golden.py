"""Extension of the golden cases' pages: run them, make one of a message, and try any prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from conversations.admin.forms import PromptForm, PromptsForm
from conversations.admin.history import note_list
from conversations.admin.pages import require_permissions
from conversations.domain.errors import LimitReached
from conversations.evaluation.golden import golden_from, golden_run
from conversations.evaluation.try_prompt import PromptTrial, try_prompt, try_prompts
from conversations.models import Message
from conversations.storage.audit import audit
from routing.admin import GoldenCaseAdmin
from routing.admin.publishing import ExtraPage, Panel
from routing.common.admin import NOTHING, admin_link, column
from routing.common.files import csv_text
from routing.domain.decide import Outcome
from routing.domain.errors import RuleSetInvalid
from routing.models import GoldenCase
from routing.publishing.draft import ruleset_build

LONGEST_LINKED = 1_500
"""Characters of a prompt that still goes into an address."""


def try_view(page: GoldenCaseAdmin, request: HttpRequest) -> HttpResponse:
    """Decide a prompt by the draft and the live rules; no answer is made."""
    require_permissions(request, "routing.view_rule")
    several = "_several" in request.POST
    form = PromptForm(None if several else request.POST or None)
    many = PromptsForm(request.POST if several else None, request.FILES if several else None)
    trial = None
    if form.is_bound and form.is_valid():
        try:
            trial = try_prompt(form.cleaned_data["prompt"], user=int(request.user.pk or 0))
        except LimitReached as exc:
            form.add_error("prompt", str(exc))
    trials = try_prompts(many.cleaned_data["tried"]) if many.is_bound and many.is_valid() else []
    context: dict[str, Any] = {"title": "Try a prompt", "form": form, "trial": trial, "many": many}
    context["keep"] = trial and _new_case_url(trial)
    context |= {"trials": trials, "csv": quote(_csv_of(trials))}
    context["differing"] = sum(one.differs for one in trials)
    return page.framed(request, "conversations/admin/try.html", context)


def _csv_of(trials: list[PromptTrial]) -> str:
    """The decisions as a table, one prompt a row."""

    def told(outcome: Outcome | None) -> tuple[str, str, str]:
        if outcome is None:
            return "", "", ""
        return outcome.decision.action, outcome.decision.rule or "", outcome.decision.model or ""

    sides = [f"{side} {name}" for side in ("draft", "live") for name in ("action", "rule", "model")]
    rows = (
        (
            one.prompt,
            *told(one.draft.outcome),
            *told(one.live.outcome),
            "no" if one.differs else "yes",
            one.guard.verdict if one.guard else "",
        )
        for one in trials
    )
    return csv_text(("prompt", *sides, "alike", "guard"), rows)


def run_view(_page: GoldenCaseAdmin, request: HttpRequest) -> HttpResponseRedirect:
    """Run each enabled case against the draft."""
    require_permissions(request, "routing.change_goldencase")
    cases = list(GoldenCase.objects.filter(enabled=True))
    try:
        failures = [failed for failed in golden_run(cases, ruleset_build()) if failed]
    except RuleSetInvalid as exc:
        messages.error(request, f"The draft can't be run: {exc}")
    else:
        show = messages.warning if failures else messages.success
        show(request, f"{len(cases) - len(failures)} of {len(cases)} cases hold.")
    return HttpResponseRedirect(reverse("admin:routing_goldencase_changelist"))


def from_view(_page: GoldenCaseAdmin, request: HttpRequest, message: UUID) -> HttpResponseRedirect:
    """Make a case of a message: it expects the decision of that time."""
    require_permissions(request, "routing.add_goldencase", "conversations.view_message")
    case = golden_from(message, by=request.user)
    if case is None:
        messages.error(request, "Nothing was decided about this message.")
        return HttpResponseRedirect(reverse("admin:conversations_message_change", args=[message]))
    messages.success(request, "Kept as a golden case: say here what matters about it.")
    return HttpResponseRedirect(reverse("admin:routing_goldencase_change", args=[case.pk]))


@column("made of")
def made_of(row: GoldenCase) -> str:
    """A link to the message of the case."""
    message = Message.objects.filter(pk=row.origin).first() if row.origin else None
    return admin_link(message, "a message") if message else NOTHING


def _new_case_url(trial: PromptTrial) -> str:
    """The form of a new case, filled in with the draft's decision; empty where it can't be."""
    outcome = trial.draft.outcome or trial.live.outcome
    if outcome is None or not outcome.reached or len(trial.prompt) > LONGEST_LINKED:
        return ""
    decision = outcome.decision
    fields = {
        "prompt": trial.prompt,
        "action": decision.action.value,
        "rule": decision.rule or "",
    }
    return f"{reverse('admin:routing_goldencase_add')}?{urlencode(fields)}"


def note_reader(request: HttpRequest, rows: Sequence[GoldenCase]) -> None:
    """Audit the reader of cases made of messages, which have words of people."""
    of_people = [row for row in rows if row.person_id or row.origin]
    if not of_people:
        return
    if request.resolver_match and "object_id" in request.resolver_match.kwargs:
        audit("goldencase.viewed", rows[0], person=rows[0].person_id)
    else:
        note_list(request, "goldencase")


GoldenCaseAdmin.row_readers.append(note_reader)
GoldenCaseAdmin.panels.append(Panel("When it was last run", (made_of,)))
GoldenCaseAdmin.list_parts.append("conversations/admin/golden_run.html")
GoldenCaseAdmin.pages.extend(
    (
        ExtraPage("try/", "routing_try", try_view),
        ExtraPage("run/", "routing_golden_run", run_view, post_only=True),
        ExtraPage("from/<uuid:message>/", "routing_golden_from", from_view, post_only=True),
    )
)
