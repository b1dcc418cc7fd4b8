"""Review queue: answers with bad verdicts or corrections, the most harmful and most used first."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from conversations.admin.forms import SearchForm
from conversations.admin.history import WatchedList
from conversations.admin.pages import bannered_page, require_permissions
from conversations.admin.review_decisions import answer_curate, review_decide
from conversations.evaluation.cache_search import search
from conversations.feedback.reviews import verdicts_on
from conversations.models import AnswerReview, CuratedAnswer, Feedback
from conversations.storage.audit import audit
from routing.common.admin import (
    NOTHING,
    ChoicesDropdownFilter,
    admin_link,
    column,
    may_open,
    rendered,
)
from routing.common.validators import check_block

SEARCH_PERMISSIONS = ("conversations.view_answerreview", "conversations.view_message")
State = AnswerReview.State
STATE_LABELS = {"live": "success", "quarantined": "warning", "withdrawn": "danger"}
REVIEW_LABELS = {"open": "danger", "decided": "success"}


class CurationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form for a curated answer, filled in with the reviewed question and answer."""

    question = forms.CharField(
        widget=UnfoldAdminTextareaWidget, required=False, validators=[check_block]
    )
    answer = forms.CharField(
        validators=[check_block],
        widget=UnfoldAdminTextareaWidget,
        required=False,
        help_text="With “Publish as curated” everybody is given this answer to this question.",
    )

    class Meta:
        model = AnswerReview
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        question, answer = _texts(self.instance)
        proposed = [
            row.correction for row in verdicts_on(subject=self.instance.pk) if row.correction
        ]
        self.initial = {
            **self.initial,
            "question": question,
            "answer": proposed[-1] if proposed else answer,
        }


@admin.register(AnswerReview)
class AnswerReviewAdmin(WatchedList[AnswerReview]):
    """A queue ordered by harm times traffic; each decision is in the row's history."""

    form = CurationForm
    list_before_template = "conversations/admin/reviews_before.html"
    list_display = ("excerpt", "status", "reviewed", "verdicts", "uses", "urgency", "updated_at")
    list_filter = (("review", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("source__answers",)
    search_fields = ("source__content", "source__answers__content")
    search_help_text = "Words of the question or the answer"
    ordering = ("-urgency", "-updated_at")
    actions = ("approve_all", "quarantine_all", "withdraw_all")
    actions_submit_line = ("publish_curated", "approve", "quarantine", "withdraw")
    readonly_fields = (
        "served", "status", "reviewed", "verdicts", "uses", "urgency", "verdict_list", "message",
        "opened_at", "decided_at", "decided_by",
    )  # fmt: skip
    fieldsets = (
        ("The answer", {"fields": ("message", "served", "status", "reviewed", "uses", "urgency")}),
        ("Who said what", {"fields": ("verdicts", "verdict_list")}),
        ("Curated answer", {"fields": ("question", "answer")}),
        ("Decided", {"fields": ("opened_at", "decided_at", "decided_by")}),
    )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        row = self.get_object(request, object_id)
        if row is not None and request.method == "GET":
            person = row.source.conversation.owner_id if row.source else None
            audit("answerreview.viewed", row, person=person)
        return response

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.search_view)
        return [path("search/", view, name="conversations_review_search"), *super().get_urls()]

    def search_view(self, request: HttpRequest) -> HttpResponse:
        """Search the answer cache for a prompt. Needs both permissions: it shows other people's words."""
        require_permissions(request, *SEARCH_PERMISSIONS)
        form = SearchForm(request.POST or None)
        result = None
        if request.method == "POST" and form.is_valid():
            result = search(form.cleaned_data["prompt"], user=form.cleaned_data["person"])
            audit("answerreview.searched")
        context = {
            "title": "Which stored answer would this prompt get?",
            "form": form,
            "search": result,
        }
        return bannered_page(self, request, "review_search", context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AnswerReview | None = None) -> bool:
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Hide the buttons that would save without a decision."""
        context |= {"show_save": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: AnswerReview, form: Any, change: bool) -> None:
        """Run the decision of the pressed button; services write the row."""
        # The list of the page, not the posted names: it holds what this person may do.
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    @column("question")
    def excerpt(self, row: AnswerReview) -> str:
        return truncatechars(_texts(row)[0], 80) or NOTHING

    @column("state", ordering="state", labels=STATE_LABELS)
    def status(self, row: AnswerReview) -> str:
        return row.state

    @column("review", ordering="review", labels=REVIEW_LABELS)
    def reviewed(self, row: AnswerReview) -> str:
        return row.review

    @column("weight good / bad", ordering="bad")
    def verdicts(self, row: AnswerReview) -> str:
        return f"{row.good:.2f} / {row.bad:.2f}"

    @column("answer as it was served")
    def served(self, row: AnswerReview) -> str:
        return format_html('<div class="assistant-text">{}</div>', _texts(row)[1] or NOTHING)

    @column("made in")
    def message(self, row: AnswerReview) -> str:
        return admin_link(row.source, "the message it was made in")

    @column("feedback")
    def verdict_list(self, row: AnswerReview) -> SafeString:
        return rendered(
            "conversations/admin/verdicts.html",
            feedback=verdicts_on(subject=row.subject),
            opens=may_open(Feedback),
        )

    @action(description="Publish as curated", permissions=["change"])  # type: ignore[untyped-decorator]
    def publish_curated(self, request: HttpRequest, obj: AnswerReview) -> None:
        """Serve the edited answer to all people."""
        question = request.POST.get("question", "").strip()
        answer = request.POST.get("answer", "").strip()
        if not (question and answer):
            messages.error(request, "A curated answer takes a question and an answer.")
            return
        answer_curate(subject=obj.pk, question=question, answer=answer, by=_person(request))
        self.log_change(request, obj, "Published as a curated answer.")

    @action(description="Approve", permissions=["change"])  # type: ignore[untyped-decorator]
    def approve(self, request: HttpRequest, obj: AnswerReview) -> None:
        """Serve the answer again."""
        self._decide(request, [obj], State.LIVE, "Approved.")

    @action(description="Quarantine", permissions=["change"])  # type: ignore[untyped-decorator]
    def quarantine(self, request: HttpRequest, obj: AnswerReview) -> None:
        """Withhold the answer from all people."""
        self._decide(request, [obj], State.QUARANTINED, "Quarantined.")

    @action(description="Delete the answer", permissions=["change"])  # type: ignore[untyped-decorator]
    def withdraw(self, request: HttpRequest, obj: AnswerReview) -> None:
        """Delete the answer from the cache."""
        self._decide(request, [obj], State.WITHDRAWN, "Deleted from the cache.")

    @admin.action(description="Approve: serve again", permissions=["change"])
    def approve_all(self, request: HttpRequest, rows: QuerySet[AnswerReview]) -> None:
        self._decide(request, rows, State.LIVE, "Approved.")

    @admin.action(description="Quarantine", permissions=["change"])
    def quarantine_all(self, request: HttpRequest, rows: QuerySet[AnswerReview]) -> None:
        self._decide(request, rows, State.QUARANTINED, "Quarantined.")

    @admin.action(description="Delete the answers from the cache", permissions=["change"])
    def withdraw_all(self, request: HttpRequest, rows: QuerySet[AnswerReview]) -> None:
        self._decide(request, rows, State.WITHDRAWN, "Deleted from the cache.")

    def _decide(self, request: HttpRequest, rows: Any, state: str, text: str) -> None:
        for row in rows:
            review_decide(subject=row.pk, state=state, by=_person(request))
            self.log_change(request, row, text)
        messages.success(request, text)


def _person(request: HttpRequest) -> int:
    return int(request.user.pk)  # type: ignore[arg-type]


def _texts(row: AnswerReview) -> tuple[str, str]:
    """The question and the answer, from the message or from the curated answer."""
    if row.source:
        return row.source.answers.content if row.source.answers else "", row.source.content
    curated = CuratedAnswer.objects.filter(pk=UUID(str(row.subject))).first()
    return (curated.question, curated.answer) if curated else ("", "")
