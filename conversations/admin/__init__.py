"""Admin pages of the history: administrators read it and never change it.

The modules named in ``__all__`` register their own pages, or extend pages that routing registers.
"""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin import (
    api_keys,
    audit,
    decisions,
    golden,
    model_check,
    performance,
    replay,
    reuse,
    reviews,
    usage,
    versions,
)
from conversations.admin.filters import (
    ActionFilter,
    CacheFilter,
    GuardFilter,
    ModelFilter,
    RuleFilter,
    SourceFilter,
    VersionFilter,
)
from conversations.admin.history import HistoryAdmin
from conversations.admin.pictures import attached, picture_response, preview
from conversations.admin.providers import attempts_in_words
from conversations.domain.errors import NotFound
from conversations.models import (
    Conversation,
    Feedback,
    GeneratedImage,
    Message,
    PromptAttachments,
)
from conversations.storage.attachments import picture_of_attachment
from conversations.storage.guard_reviews import GuardReview, review
from routing.common.admin import (
    NOTHING,
    ChoicesDropdownFilter,
    RangeDateFilter,
    admin_link,
    column,
    may_open,
    rendered,
)

__all__ = [
    "api_keys",
    "audit",
    "decisions",
    "golden",
    "model_check",
    "performance",
    "replay",
    "reuse",
    "reviews",
    "usage",
    "versions",
]

THREAD_LENGTH = 200
STATUS_LABELS = {
    "complete": "success",
    "streaming": "info",
    "stopped": "warning",
    "failed": "danger",
}
ACTION_LABELS = {"answer": "info", "image": "primary", "refuse": "danger"}
VERDICT_LABELS = {"good": "success", "bad": "danger"}


@admin.register(Conversation)
class ConversationAdmin(HistoryAdmin[Conversation]):
    """Threads of messages."""

    list_display = ("title_text", "owner", "message_count", "updated_at")
    list_filter = (("updated_at", RangeDateFilter),)
    list_select_related = ("owner",)
    search_fields = ("title", "owner__username", "messages__content")
    search_limit = 10_000
    search_help_text = "Title, user or words said, in the latest 10,000; or an id"
    id_fields = ("pk", "messages__pk")
    fields = ("id", "owner", "created_at", "updated_at", "thread")
    readonly_fields = ("id", "thread")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        # A subquery counts for the rows of a page alone: a join would count all messages first.
        messages = Message.objects.filter(conversation=OuterRef("pk")).order_by()
        counted = messages.values("conversation").annotate(count=Count("pk")).values("count")
        return super().get_queryset(request).annotate(message_count=Coalesce(Subquery(counted), 0))

    @column("conversation", ordering="title")
    def title_text(self, row: Conversation) -> str:
        return row.title or "Untitled"

    @column("messages")
    def message_count(self, row: Conversation) -> int:
        return int(row.message_count)  # type: ignore[attr-defined]

    @column("thread")
    def thread(self, row: Conversation) -> SafeString:
        related = row.messages.select_related("image", "attachments").defer("attachments__parts")
        messages = list(reversed(related.order_by("-id")[: THREAD_LENGTH + 1]))
        return rendered(
            "conversations/admin/thread.html",
            messages=messages[-THREAD_LENGTH:],
            cut=len(messages) > THREAD_LENGTH,
            limit=THREAD_LENGTH,
            opens=may_open(Message),
        )


@admin.register(Message)
class MessageAdmin(HistoryAdmin[Message]):
    """Prompts and answers, with all that is known of how an answer came about."""

    list_display = (
        "excerpt", "owner", "role", "state", "does", "model", "rule", "cached", "created_at",
    )  # fmt: skip
    list_filter = (
        ("role", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ActionFilter,
        SourceFilter,
        ModelFilter,
        RuleFilter,
        VersionFilter,
        CacheFilter,
        GuardFilter,
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("conversation__owner",)
    search_fields = ("content", "conversation__owner__username", "trace_id")
    search_help_text = (
        "Words said, user or trace; or an id of a message or conversation. Words and most filters "
        "look through the latest 100,000, or those up to the end of the chosen period"
    )
    id_fields = ("pk", "conversation_id")
    unindexed = ("role__exact", "action", "source", "model", "rule", "cache_outcome", "guard")
    actions = ("was_attack", "was_harmless")  # type: ignore[assignment] # the base has none
    ordering = ("-id",)
    change_form_before_template = "conversations/admin/keep.html"
    fieldsets = (
        ("What was said", {"fields": ("role", "status", "thread", "owner", "pair", "words", "picture")}),
        ("How it was decided", {"fields": ("action", "source", "model", "provider", "fallback", "rule", "reason", "ruleset", "requested_model", "guarded")}),
        ("Cache", {"fields": ("cache_outcome", "cache_similarity", "cache_entry")}),
        ("What it took", {"fields": ("input_tokens", "output_tokens", "cost_usd", "first_token_ms", "total_ms", "finish_reason", "calls", "done_without")}),
        ("Afterwards", {"fields": ("verdicts", "trouble", "trace_id", "created_at", "finished_at")}),
    )  # fmt: skip
    readonly_fields = (
        "thread", "owner", "pair", "words", "picture", "guarded", "calls", "done_without", "verdicts", "trouble",
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.attachment_view)
        own = path("<uuid:pk>/attachments/<int:number>/", view, name="conversations_attachment")
        return [own, *super().get_urls()]

    def attachment_view(self, request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
        """A picture of a prompt: its public address opens for its owner only."""
        if not self.has_view_permission(request):
            raise Http404
        try:
            row = PromptAttachments.objects.filter(pk=pk).first()
            picture = picture_of_attachment(row, number)
        except NotFound as exc:
            raise Http404 from exc
        return picture_response(row, picture.media_type, picture.data)

    def has_review_permission(self, request: HttpRequest) -> bool:
        """Verdicts on the guard are for those who decide on the review desk."""
        return request.user.has_perm("conversations.change_answerreview")

    @admin.action(description="Guard: this prompt was an attack", permissions=["review"])
    def was_attack(self, request: HttpRequest, rows: QuerySet[Message]) -> None:
        self._reviewed(request, rows, "attack")

    @admin.action(description="Guard: this prompt was harmless", permissions=["review"])
    def was_harmless(self, request: HttpRequest, rows: QuerySet[Message]) -> None:
        self._reviewed(request, rows, "harmless")

    def _reviewed(
        self, request: HttpRequest, rows: QuerySet[Message], verdict: GuardReview
    ) -> None:
        count = 0
        for row in review(rows, verdict):
            self.log_change(request, row, f"The guard's mark was reviewed: {verdict}.")
            count += 1
        self.message_user(request, f"{count} reviewed as {verdict}.")

    @column("message", ordering="id")
    def excerpt(self, row: Message) -> str:
        why = str((row.problem or {}).get("detail", ""))
        return truncatechars(row.content or why, 80) or NOTHING

    @column("user", ordering="conversation__owner__username")
    def owner(self, row: Message) -> str:
        return str(row.conversation.owner)

    @column("status", ordering="status", labels=STATUS_LABELS)
    def state(self, row: Message) -> str:
        return row.status

    @column("action", ordering="action", labels=ACTION_LABELS)
    def does(self, row: Message) -> str:
        return row.action or NOTHING

    @column("cache", ordering="cache_outcome")
    def cached(self, row: Message) -> str:
        return row.cache_outcome or NOTHING

    @column("conversation")
    def thread(self, row: Message) -> str:
        return admin_link(row.conversation)

    @column("answers / answered by")
    def pair(self, row: Message) -> str:
        other = row.answers or Message.objects.filter(answers=row).first()
        return admin_link(other, truncatechars(other.content, 80) if other else "")

    @column("text")
    def words(self, row: Message) -> str:
        return format_html('<div class="assistant-text">{}</div>', row.content)

    @column("picture")
    def picture(self, row: Message) -> str:
        image = GeneratedImage.objects.filter(message=row).first()
        return preview(image) if image else attached(row) or NOTHING

    @column("guard")
    def guarded(self, row: Message) -> SafeString:
        return rendered("conversations/admin/guard.html", guard=row.guard)

    @column("calls to models")
    def calls(self, row: Message) -> SafeString:
        return rendered(
            "conversations/admin/attempts.html", attempts=attempts_in_words(row.attempts)
        )

    @column("done without")
    def done_without(self, row: Message) -> str:
        return ", ".join(str(part.get("part")) for part in row.degraded) or NOTHING

    @column("feedback")
    def verdicts(self, row: Message) -> SafeString:
        feedback = row.feedback.select_related("user")
        opens = may_open(Feedback)
        return rendered("conversations/admin/verdicts.html", feedback=feedback, opens=opens)

    @column("problem")
    def trouble(self, row: Message) -> str:
        if not row.problem:
            return NOTHING
        pretty = json.dumps(row.problem, indent=2, ensure_ascii=False)
        return format_html('<pre class="assistant-text">{}</pre>', pretty)


@admin.register(Feedback)
class FeedbackAdmin(HistoryAdmin[Feedback]):
    """Verdicts of people on answers."""

    list_display = ("label", "answer", "user", "reason", "comment", "correction", "updated_at")
    list_filter = (("verdict", ChoicesDropdownFilter), ("updated_at", RangeDateFilter))
    list_select_related = ("message", "user")
    search_fields = ("comment", "correction", "user__username", "message__content")
    search_help_text = "Words, user, or the id of a message"
    id_fields = ("pk", "message_id")
    fields = ("verdict", "answer", "user", "reason", "comment", "correction", "created_at", "updated_at")  # fmt: skip
    readonly_fields = ("answer",)

    @column("verdict", ordering="verdict", labels=VERDICT_LABELS)
    def label(self, row: Feedback) -> str:
        return row.verdict

    @column("answer")
    def answer(self, row: Feedback) -> str:
        return admin_link(row.message, truncatechars(row.message.content, 60) or "an answer")


@admin.register(GeneratedImage)
class GeneratedImageAdmin(HistoryAdmin[GeneratedImage]):
    """Pictures that were drawn."""

    list_display = ("alt", "owner", "width", "height", "created_at")
    list_filter = (("created_at", RangeDateFilter),)
    list_select_related = ("owner",)
    search_fields = ("alt", "revised_prompt", "owner__username")
    id_fields = ("pk", "message_id")
    fields = ("picture", "alt", "revised_prompt", "owner", "answer", "media_type", "width", "height", "created_at")  # fmt: skip
    readonly_fields = ("picture", "answer")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.picture_view)
        own = path("<uuid:pk>/picture/", view, name="conversations_picture")
        return [own, *super().get_urls()]

    def picture_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The picture itself: its public address opens for its owner only."""
        row = GeneratedImage.objects.filter(pk=pk).first()
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        with row.file.open("rb") as file:
            return picture_response(row, row.media_type, file.read())

    @column("picture")
    def picture(self, row: GeneratedImage) -> str:
        return preview(row)

    @column("answer")
    def answer(self, row: GeneratedImage) -> str:
        return admin_link(row.message, "the message it belongs to")
