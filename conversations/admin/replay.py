"""Replay pages: start a replay of the draft over real prompts, watch it, read its results."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from conversations.admin.forms import ReplayForm
from conversations.admin.pages import bannered_page, require_permissions
from conversations.evaluation.replay import STALE, replay_go_on, replay_start, replay_stop, sampled
from conversations.evaluation.replay import estimate as cost_of
from conversations.evaluation.replay_results import findings
from conversations.evaluation.rule_sets import LoadedRules, draft_rules, live_rules
from conversations.models import ReplayRun
from conversations.storage.audit import audit
from routing.common.admin import Admin, column

STATUS_LABELS = {
    "running": "info",
    "done": "success",
    "capped": "warning",
    "stopped": "warning",
    "failed": "danger",
}
_LOOKED_AT = "replay_looked_at"
START_PERMISSIONS = ("conversations.add_replayrun", "conversations.view_message")


@admin.register(ReplayRun)
class ReplayRunAdmin(Admin[ReplayRun]):
    """Replays, with the changes that the draft would make."""

    list_display = ("title", "state", "size", "decided", "cost", "created_by", "created_at")
    list_select_related = ("created_by",)

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("<int:pk>/stop/", guarded(require_POST(self.stop_view)), name="replay_stop"),
            path("<int:pk>/go-on/", guarded(require_POST(self.go_on_view)), name="replay_go_on"),
            *super().get_urls(),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(START_PERMISSIONS)

    def has_change_permission(self, request: HttpRequest, obj: ReplayRun | None = None) -> bool:
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Choose the number of prompts, see the estimated cost, and start."""
        require_permissions(request, *START_PERMISSIONS)
        form = ReplayForm(request.POST or None)
        draft, live = draft_rules(), live_rules()
        context: dict[str, Any] = {
            "title": "Replay the draft",
            "form": form,
            "faults": [*draft.faults, *live.faults],
            "unchanged": _same_rules(draft, live),
        }
        if request.method == "POST" and form.is_valid() and not context["faults"]:
            # The estimate comes before the start: a replay above its cap must not begin.
            context |= self._estimate(form, draft, live)
            # A draft that says what is live can change nothing: that costs money only if it is wanted.
            wanted = not context["unchanged"] or "all_the_same" in request.POST
            startable = wanted and not context["too_much"] and context["found"]
            if "_start" in request.POST and startable:
                return self._start(request, form, draft, live)
        return bannered_page(self, request, "replay_add", context)

    @staticmethod
    def _estimate(form: ReplayForm, draft: LoadedRules, live: LoadedRules) -> dict[str, Any]:
        fields = form.cleaned_data
        answers = sampled(fields["pool"], fields["size"])
        cost = cost_of(answers, draft.rules, live.rules) if draft.rules and live.rules else None
        too_much = cost is not None and cost > fields["cap_usd"]
        return {"estimated": True, "found": len(answers), "estimate": cost, "too_much": too_much}

    @staticmethod
    def _start(
        request: HttpRequest, form: ReplayForm, draft: LoadedRules, live: LoadedRules
    ) -> HttpResponseRedirect:
        assert draft.rules is not None  # noqa: S101 - no faults, as the caller saw
        assert live.rules is not None  # noqa: S101
        run = replay_start(**form.cleaned_data, draft=draft.rules, live=live.rules, by=request.user)
        return _redirect(run)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Progress and results so far. The page reloads itself while the replay runs."""
        require_permissions(request, "conversations.view_replayrun", "conversations.view_message")
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404
        running = run.status == ReplayRun.Status.RUNNING
        stalled = running and run.beat_at < timezone.now() - STALE
        _note_look(request, run)
        context = {
            "title": str(run),
            "run": run,
            "found": findings(run),
            "running": running and not stalled,
            "stalled": stalled,
            "may": request.user.has_perms(START_PERMISSIONS),
        }
        return bannered_page(self, request, "replay", context)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponseRedirect:
        """End it after the prompts under way."""
        require_permissions(request, *START_PERMISSIONS)
        run = get_object_or_404(ReplayRun, pk=pk)
        replay_stop(run)
        return _redirect(run)

    def go_on_view(self, request: HttpRequest, pk: int) -> HttpResponseRedirect:
        """Continue a replay after a stop, a failure or the loss of its process."""
        require_permissions(request, *START_PERMISSIONS)
        run = get_object_or_404(ReplayRun, pk=pk)
        if not replay_go_on(run):
            messages.info(request, "It is being worked on.")
        return _redirect(run)

    @column("replay", ordering="pk")
    def title(self, row: ReplayRun) -> str:
        return str(row)

    @column("status", ordering="status", labels=STATUS_LABELS)
    def state(self, row: ReplayRun) -> str:
        return row.status

    @column("decided")
    def decided(self, row: ReplayRun) -> int:
        return row.results.filter(new__isnull=False).count()

    @column("cost", ordering="cost_usd")
    def cost(self, row: ReplayRun) -> str:
        return f"${row.cost_usd:.4f}"


def _same_rules(draft: LoadedRules, live: LoadedRules) -> bool:
    """Whether both decide alike by their words: a replay would find chance alone."""
    if draft.rules is None or live.rules is None:
        return False
    return draft.rules.fingerprint == live.rules.fingerprint


def _note_look(request: HttpRequest, run: ReplayRun) -> None:
    """Note the reader of a replay's prompts in the audit log: once, for the page reloads itself."""
    if request.session.get(_LOOKED_AT) != run.pk:
        request.session[_LOOKED_AT] = run.pk
        audit("replayrun.viewed", run)


def _redirect(run: ReplayRun) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:conversations_replayrun_change", args=[run.pk]))
