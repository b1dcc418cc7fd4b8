"""What people and administrators do, as calls that a database of any size must answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework_simplejwt.tokens import AccessToken

from conversations.domain.outcome import RunOutcome
from conversations.engine.types import CacheFacts
from conversations.evaluation.replay import recent_answers
from conversations.feedback import reuse_records as reuse
from conversations.feedback import reviews
from conversations.models import Conversation, Message
from conversations.runs.event_codec import replay
from conversations.storage import selectors, services, turns
from conversations.storage.representations import message_object
from conversations.storage.turns import NewTurn, StartedTurn
from routing.domain.actions import Action
from routing.domain.llm import Usage
from routing.domain.rules import Decision, Source

Call = Callable[[], object]
ANSWERED = RunOutcome(
    status="complete", content="Because the sea is wide. " * 40,
    decision=Decision(Action.ANSWER, Source.CLASSIFIER, "openai", "gpt", "general", "It fits.", 20),
    cache=CacheFacts("miss"), guard=None, usage=Usage(412, 200, Decimal("0.003315")),
    finish_reason="stop", first_token_ms=412, total_ms=2870, attempts=(), degraded=(),
    script=[5] * 200,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """``call`` is measured; ``before`` puts it where it can be called, unmeasured, each time."""

    name: str
    call: Call
    before: Call = lambda: None


class Ways:
    """Of one person in the middle of the crowd, and of one administrator."""

    def __init__(self) -> None:
        self._person = User.objects.filter(username__startswith="grown-").order_by("pk")[0]
        self._threads = list(Conversation.objects.filter(owner=self._person).order_by("-id"))
        self._thread = self._threads[len(self._threads) // 2].id
        self._answer = self._last_answer()
        self._judged = Message.objects.filter(feedback__user=self._person)[0].id
        self._begun: StartedTurn | None = None
        self._api = Client(
            headers={"authorization": f"Bearer {AccessToken.for_user(self._person)}"},
            SERVER_NAME="localhost",
        )
        self._admin = Client(SERVER_NAME="localhost")
        administrator, _ = User.objects.get_or_create(
            username="growth-admin", defaults={"is_staff": True, "is_superuser": True}
        )
        backend = "django.contrib.auth.backends.ModelBackend"
        self._admin.force_login(administrator, backend=backend)

    def people(self) -> list[Way]:
        """What answers and the API do."""
        threads, messages = (
            "/api/v1/conversations/",
            f"/api/v1/conversations/{self._thread}/messages/",
        )
        return [
            Way("answer_begin", self._begin, self._end),
            Way("answer_finish", self._finish, self._begin_again),
            Way("memory from the database", self._remember),
            Way("a stored answer checked", self._withheld),
            Way("the end of a stream, replayed", self._replay),
            Way("search for abandoned answers", self._abandoned),
            Way("feedback", self._judge),
            Way("a verdict weighed", self._weigh),
            Way("GET conversations", self._get(threads)),
            Way("GET conversations, next page", self._get(self._next(threads))),
            Way("GET messages", self._get(messages)),
            Way("a message object", self._read),
            Way("what reuse learned", reuse.calibration_state),
        ]

    def desk(self) -> list[Way]:
        """The administrators' pages."""
        messages, threads = (
            self._list("conversations_message"),
            self._list("conversations_conversation"),
        )
        found = {
            "first page": reverse("admin:index"),
            "messages": messages,
            "messages, page 10": f"{messages}?p=10",
            "messages of a version": f"{messages}?ruleset=10",
            "messages of a rare version": f"{messages}?ruleset=3",
            "messages that failed": f"{messages}?status__exact=failed",
            "messages of a model and rule": f"{messages}?model=gpt&rule=code",
            "messages that nothing fits": f"{messages}?cache_outcome=exact",
            "messages by id": f"{messages}?q={self._answer.id}",
            "messages by words": f"{messages}?q=nobody+said+this",
            "message": reverse("admin:conversations_message_change", args=[self._answer.id]),
            "conversations": threads,
            "conversations by words": f"{threads}?q=nobody+said+this",
            "conversation": reverse("admin:conversations_conversation_change", args=[self._thread]),
            "feedback": self._list("conversations_feedback"),
            "answer reviews": self._list("conversations_answerreview"),
            "charts": f"{reverse('admin:conversations_charts')}?days=30",
            "charts, 90 days": f"{reverse('admin:conversations_charts')}?days=90",
            "model performance": self._list("conversations_modelperformance"),
            "reused answers": self._list("conversations_reuse"),
            "shadow decisions": self._list("conversations_shadowdecision"),
            "in shadow, others of a version": f"{self._list('conversations_shadowdecision')}?ruleset=19&agrees__exact=0",
            "versions": self._list("routing_rulesetversion"),
            "a version": reverse("admin:routing_rulesetversion_change", args=[self._version()]),
            "two versions": f"{reverse('admin:routing_compare')}?a=1&b=1",
        }  # fmt: skip
        pages = [Way(f"admin: {name}", self._get(url, self._admin)) for name, url in found.items()]
        return [*pages, Way("admin: the last 1,000 prompts for a replay", self._pool)]

    def _last_answer(self) -> Message:
        thread = Message.objects.filter(
            conversation=self._thread, role="assistant", status="complete"
        )
        return thread.order_by("-id")[0]

    def _begin(self) -> None:
        self._begun = turns.answer_begin(
            NewTurn(
                user=self._person.pk,
                conversation=self._thread,
                content="And then?",
                trace_id="0" * 32,
            )
        )

    def _finish(self) -> None:
        assert self._begun, "an answer was begun"
        assert turns.answer_finish(message=self._begun.message, outcome=ANSWERED)

    def _end(self) -> None:
        """Take the last exchange away again, so that the conversation stays as long as it was."""
        if self._begun:
            Message.objects.filter(pk__in=(self._begun.message, self._begun.user_message)).delete()
            self._begun = None

    def _begin_again(self) -> None:
        self._end()
        self._begin()

    def _remember(self) -> None:
        selectors.remembered_count(self._thread)
        selectors.remembered_exchanges(self._thread)

    def _withheld(self) -> bool:
        return reviews.entry_withheld(entry=self._answer.id, user=self._person.pk)

    def _replay(self) -> object:
        answer = selectors.answer_get(user=self._person.pk, message=self._answer.id)
        mine = selectors.feedback_of(user=self._person.pk, messages=[answer.id])
        finished = message_object(answer, origin="", feedback=mine.get(answer.id))
        return list(replay(answer, finished))

    def _read(self) -> object:
        return selectors.message_body(user=self._person.pk, message=self._answer.id, origin="")

    @staticmethod
    def _abandoned() -> list[UUID]:
        return selectors.answers_streaming(older_than=timedelta(seconds=10))

    def _judge(self) -> None:
        services.feedback_record(user=self._person.pk, message=self._answer, verdict="bad")
        services.feedback_delete(user=self._person.pk, message=self._answer)

    def _weigh(self) -> object:
        return reviews.review_reweigh(subject=self._judged)

    def _get(self, url: str, client: Client | None = None) -> Call:
        def call() -> None:
            answer: Any = (client or self._api).get(url)
            assert answer.status_code == 200, f"{url}: {answer.status_code}"

        return call

    def _next(self, url: str) -> str:
        following: str = self._api.get(url).json()["next"] or url
        return following

    @staticmethod
    def _list(name: str) -> str:
        return reverse(f"admin:{name}_changelist")

    @staticmethod
    def _version() -> int:
        from routing.models import RuleSetVersion  # noqa: PLC0415 - the one place that needs a row

        return RuleSetVersion.objects.order_by("-number")[0].pk

    @staticmethod
    def _pool() -> object:
        return list(recent_answers(1_000).select_related("answers"))
