"""Made-up history: people, their conversations, and what is known of every answer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import models
from uuid_utils.compat import uuid7

from conversations.models import (
    Conversation,
    DailyCost,
    DailyOutcome,
    Feedback,
    FirstTokenCount,
    Message,
    ModelPerformance,
    PersonCost,
    Reuse,
    ShadowDecision,
    VersionPerformance,
)

SPAN = timedelta(days=90)
"""How far back the oldest message of every size lies."""
THREAD = 10
"""Messages of a conversation."""
PER_PERSON = 1_000
"""Messages of one person, unless it is said otherwise: more messages are more people, not busier ones."""
BATCH = 2_000
PEOPLE = 1_000
"""People who ask on each day of the span, in the sums."""
VERSIONS = range(1, 21)
RULES = ("general", "code", "complex-reasoning", "image", "abuse", "small-talk", "law")
MODELS = ("claude-sonnet", "claude-haiku", "gpt", "gpt-mini", "dall-e")
WORDS = (
    "the",
    "of",
    "and",
    "a",
    "to",
    "in",
    "is",
    "you",
    "that",
    "it",
    "he",
    "was",
    "for",
    "on",
    "sea",
)
_ATTEMPT = {
    "provider": "anthropic", "outcome": "ok", "input_tokens": 412, "output_tokens": 200,
    "cost_usd": "0.003315", "estimated": False, "first_token_ms": 412, "total_ms": 2870,
}  # fmt: skip
ATTEMPTS = [
    {"operation": name, "model": "claude-haiku", **_ATTEMPT} for name in ("classify", "chat")
]
GUARD = {"verdict": "pass", "score": 0.02, "signals": []}
SCRIPT = [4, 5, 3, 6, 2] * 40
"""How a 200-token answer was cut into events."""
ENTRIES = [UUID(int=8 << 76 | 2 << 62 | at) for at in range(10_000)]
"""Stored answers that are given again."""

_MADE_NOW = (Conversation, Message, Reuse, ShadowDecision)


class History:
    """Grows the same way in every run: the dice are seeded."""

    def __init__(self, *, per_person: int = PER_PERSON) -> None:
        self._per_person = per_person
        self._dice, self._now = random.Random(7), datetime.now(UTC)
        self.messages = 0
        _sums(self._now.date())

    def grow(self, size: int) -> None:
        """Until there are ``size`` messages, with what hangs on them. What is added is spread over the
        whole span."""
        threads = (size - self.messages) // THREAD
        people = self._people(-(-size // self._per_person))
        made = self._threads(threads, people)
        with _in_the_past():
            while batch := list(islice(made, BATCH // THREAD)):
                self._keep(batch)
        self.messages += threads * THREAD

    def _people(self, count: int) -> list[User]:
        there = User.objects.filter(username__startswith="grown-").count()
        User.objects.bulk_create(User(username=f"grown-{at}") for at in range(there, count))
        return list(User.objects.filter(username__startswith="grown-").order_by("pk"))

    def _threads(self, count: int, people: list[User]) -> Iterator[Conversation]:
        for at in range(count):
            begun = self._now - SPAN + SPAN * (at / count)
            owner = people[at % len(people)]
            yield Conversation(
                id=id_at(begun),
                owner=owner,
                title=self._words(6),
                created_at=begun,
                updated_at=begun,
            )

    def _keep(self, threads: list[Conversation]) -> None:
        messages = [said for thread in threads for said in self._said(thread)]
        answers = messages[1::2]
        Conversation.objects.bulk_create(threads)
        Message.objects.bulk_create(messages)
        Feedback.objects.bulk_create(
            Feedback(message=answer, user_id=answer.conversation.owner_id, verdict=self._verdict())
            for answer in answers[::20]
        )
        Reuse.objects.bulk_create(
            Reuse(
                message=answer, served=True, shared=True, probability=0.9, cut=0.8,
                audited=True if at % 5 == 0 else None, created_at=answer.created_at,
            )
            for at, answer in enumerate(answers[::10])
        )  # fmt: skip
        ShadowDecision.objects.bulk_create(
            ShadowDecision(
                message=answer, ruleset=19, agrees=at % 10 > 0, action="answer", source="classifier",
                model="gpt", rule="code", created_at=answer.created_at,
            )
            for at, answer in enumerate(answers[::20])
        )  # fmt: skip

    def _said(self, thread: Conversation) -> Iterator[Message]:
        for turn in range(THREAD // 2):
            asked = thread.created_at + timedelta(seconds=30 * turn)
            prompt = Message(
                id=id_at(asked),
                conversation=thread,
                role="user",
                content=self._words(20),
                created_at=asked,
            )
            yield prompt
            yield self._answer(prompt, first=not turn)

    def _answer(self, prompt: Message, *, first: bool) -> Message:
        dice = self._dice
        answered = prompt.created_at + timedelta(seconds=3)
        failed, reused = dice.random() < 0.001, first and dice.random() < 0.3
        return Message(
            id=id_at(prompt.created_at + timedelta(milliseconds=1)), conversation=prompt.conversation,
            role="assistant", answers=prompt, content=self._words(200), created_at=prompt.created_at,
            finished_at=answered, status="failed" if failed else "complete", action="answer",
            source="classifier", provider="anthropic", model=dice.choice(MODELS),
            rule=dice.choice(RULES), reason="It fits.", ruleset=self._version(prompt.created_at),
            guard=GUARD, cache_outcome=_outcome(first=first, reused=reused),
            cache_entry=dice.choice(ENTRIES) if reused else None, input_tokens=412,
            output_tokens=200, cost_usd=Decimal("0.003315"), first_token_ms=412, total_ms=2870,
            finish_reason="stop", attempts=ATTEMPTS, script=SCRIPT, trace_id="0" * 32,
        )  # fmt: skip

    def _version(self, moment: datetime) -> int:
        """Versions follow each other; the third was in force for a moment only."""
        at = (moment - (self._now - SPAN)) / SPAN
        number = min(int(at * len(VERSIONS)), len(VERSIONS) - 1) + 1
        return 4 if number == 3 and self._dice.random() > 0.001 else number

    def _verdict(self) -> str:
        return "good" if self._dice.random() < 0.8 else "bad"

    def _words(self, count: int) -> str:
        return " ".join(self._dice.choices(WORDS, k=count))


@contextmanager
def _in_the_past() -> Iterator[None]:
    """Let rows be made at other times than now."""
    fields: list[Any] = [table._meta.get_field("created_at") for table in _MADE_NOW]  # noqa: SLF001 - Django's documented name
    for field in fields:
        field.auto_now_add = False
    yield
    for field in fields:
        field.auto_now_add = True


def _outcome(*, first: bool, reused: bool) -> str:
    if reused:
        return "semantic"
    return "miss" if first else "bypass"


def id_at(moment: datetime) -> UUID:
    """A UUIDv7 of that moment."""
    seconds = moment.timestamp()
    return uuid7(timestamp=int(seconds), nanos=int(seconds % 1 * 1e9))


def _sums(today: date) -> None:
    """What aggregates hold of the whole span: they grow with days and versions, not with messages."""
    zero = _nought(ModelPerformance)
    ModelPerformance.objects.bulk_create(
        ModelPerformance(**zero | {"day": today - timedelta(days=back), "model": model, "rule": rule, "answers": 100})
        for back in range(SPAN.days) for model in MODELS for rule in RULES
    )  # fmt: skip
    days = [today - timedelta(days=back) for back in range(SPAN.days)]
    DailyCost.objects.bulk_create(
        DailyCost(day=day, purpose=purpose, rule=rule, model=model, calls=90, cost_usd=1)
        for day in days for purpose in ("classify", "chat", "judge") for model in MODELS for rule in RULES
    )  # fmt: skip
    DailyOutcome.objects.bulk_create(
        DailyOutcome(day=day, rule=rule, model=model, outcome=outcome, count=60)
        for day in days for outcome in ("new", "exact", "semantic", "failed") for model in MODELS for rule in RULES
    )  # fmt: skip
    FirstTokenCount.objects.bulk_create(
        FirstTokenCount(day=day, model=model, bucket=bucket, count=90)
        for day in days for model in MODELS for bucket in range(25, 50)
    )  # fmt: skip
    PersonCost.objects.bulk_create(
        (PersonCost(day=day, user=user, prompts=5, cost_usd=1) for day in days for user in range(PEOPLE)),
        batch_size=BATCH,
    )  # fmt: skip
    zero = _nought(VersionPerformance)
    VersionPerformance.objects.bulk_create(
        VersionPerformance(**zero | {"ruleset": version, "rule": rule, "answers": 100, "total_count": 90})
        for version in VERSIONS for rule in RULES
    )  # fmt: skip


def _nought(table: type[models.Model]) -> dict[str, Any]:
    fields = table._meta.concrete_fields  # noqa: SLF001 - Django's documented name
    return {field.name: field.default for field in fields if field.default == 0}
