"""Review queue of the guard: people's verdicts on flagged prompts, kept with the answer's guard report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from django.db.models import QuerySet

from conversations.models import Message

GuardReview = Literal["attack", "harmless"]
REVIEW = "review"
"""The key of a verdict in the stored report."""
_AT_ONCE = 200
"""Rows in memory: a choice of all may be all messages there are."""


def review(answers: QuerySet[Message], verdict: GuardReview) -> Iterator[Message]:
    """Keep a verdict on each of the answers whose prompt the guard marked or passed; those answers."""
    keys = list(answers.order_by().values_list("pk", flat=True))
    for first in range(0, len(keys), _AT_ONCE):
        some = Message.objects.filter(pk__in=keys[first : first + _AT_ONCE])
        rows = [row for row in some.defer("content") if row.guard]
        for row in rows:
            row.guard = {**(row.guard or {}), REVIEW: verdict}
        Message.objects.bulk_update(rows, ["guard"])
        yield from rows


def reviewed_prompts() -> dict[str, bool]:
    """Each reviewed prompt once, and whether it is an attack, by the newest of its answers with a verdict.
    One of pictures alone has no words to learn from."""
    answers = Message.objects.filter(guard__review__in=("attack", "harmless"))
    found = {
        answer.answers.content: answer.guard[REVIEW] == "attack"
        for answer in answers.select_related("answers").order_by("id").iterator(200)
        if answer.answers and answer.guard
    }
    return {prompt: attack for prompt, attack in found.items() if prompt.strip()}
