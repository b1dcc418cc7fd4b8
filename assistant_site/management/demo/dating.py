"""Dating: rows of today's answers as if they had been asked on another day.

The service has no clock that could be set: the rows are made by its own code, and dated afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from assistant_site.management.demo.script import ScriptedQuestion
from conversations.models import (
    AnswerReview,
    Conversation,
    Feedback,
    GeneratedImage,
    LedgerEntry,
    Message,
    Reuse,
    ShadowDecision,
    Uncounted,
)
from conversations.stats.pending import add_up
from conversations.usage.days import day_of
from conversations.usage.roll_up import days_changed

PATIENCE = 15.0
"""Seconds for the sums of answers, which the server writes a moment after them."""


def counted(messages: Sequence[UUID], *, shadows: int) -> None:
    """Wait until the answers are in the sums, and so many decisions in shadow are there too."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        add_up()
        waiting = Uncounted.objects.filter(message__in=messages, failure="").exists()
        seen = ShadowDecision.objects.filter(message__in=messages).count()
        if not waiting and seen >= shadows:
            return
        time.sleep(0.1)


@transaction.atomic
def date_answers(
    answered: Sequence[tuple[ScriptedQuestion, dict[str, Any]]], midnight: datetime
) -> None:
    """Set the times of the answers, and of all that came of them, to the hours of a day."""
    for question, answer in answered:
        asked = midnight + timedelta(hours=question.hour)
        ended = asked + timedelta(milliseconds=answer["timings"]["total_ms"] or 0)
        message = Message.objects.filter(pk=answer["id"])
        Message.objects.filter(pk__in=message.values("answers")).update(created_at=asked)
        message.update(created_at=asked, finished_at=ended)
        thread = Conversation.objects.filter(pk=answer["conversation"])
        thread.update(updated_at=ended)
        thread.filter(created_at__gt=asked).update(created_at=asked)
        for table in (GeneratedImage, Reuse, ShadowDecision):
            table._default_manager.filter(message=answer["id"]).update(created_at=ended)  # noqa: SLF001
        LedgerEntry.objects.filter(run=answer["id"]).update(at=asked, day=day_of(asked))
    days_changed([day_of(midnight)])


def date_feedback(message: UUID, rated: datetime) -> None:
    """Set the time of the verdict on an answer, and of the review that it opened."""
    Feedback.objects.filter(message=message).update(created_at=rated, updated_at=rated)
    opened = AnswerReview.objects.filter(subject=message, opened_at__isnull=False)
    opened.update(opened_at=rated)
