"""Review queue of the guard: people's verdicts on flagged prompts, kept with the answer's guard report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from django.db.models import QuerySet

from conversations.models import Message

GuardReview = Literal["attack", "harmless"]
REVIEW = "review"
"""The key of a verdict in the stored report."""


def review(answers: QuerySet[Message], verdict: GuardReview) -> list[Message]:
    """Keep a verdict on each of the answers whose prompt the guard marked or passed; those answers."""
    rows = [row for row in answers if row.guard]
    for row in rows:
        row.guard = {**(row.guard or {}), REVIEW: verdict}
    Message.objects.bulk_update(rows, ["guard"], batch_size=200)
    return rows


def reviewed_prompts() -> Iterator[tuple[str, bool]]:
    """Each reviewed prompt, and whether it is an attack."""
    answers = Message.objects.filter(guard__review__in=("attack", "harmless"))
    for answer in answers.select_related("answers").order_by("id").iterator(200):
        if answer.answers and answer.guard:
            yield answer.answers.content, answer.guard[REVIEW] == "attack"
