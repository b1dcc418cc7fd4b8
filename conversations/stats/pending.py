"""What ended answers add to the sums of models and versions: written down with their end, added up soon
after by whoever comes to it, many at a time.

The note and the answer are one transaction, and so are the sums and the note's deletion: nothing is
lost with a process, nothing is counted twice, and deleting an answer takes none of it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import transaction

from conversations.db.statements import Insert
from conversations.db.threads import still_awaited
from conversations.models import Uncounted
from conversations.stats import model_stats as performance
from conversations.stats import version_stats as version_performance

if TYPE_CHECKING:
    from conversations.domain.outcome import Outcome

_log = structlog.get_logger("assistant.counting")

AT_ONCE = 500
"""Answers added up in one transaction."""

_insert = Insert(Uncounted, "message", "sums")


def answer_noted(message: UUID, outcome: Outcome, begun: datetime) -> None:
    """Write down what an answer adds. Call it in the transaction that ends the answer."""
    models = performance.answer_sums(outcome=outcome, begun=begun)
    versions = version_performance.answer_sums(outcome=outcome)
    if models or versions:
        _insert((message, {"models": _listed(models), "versions": _listed(versions)}))


def add_up() -> int:
    """Add what was noted to the sums; returns how many answers that were. Several may do so at once."""
    count = 0
    while Uncounted.objects.exists() and (added := _add_some()):
        count += added
    return count


def added_up() -> None:
    """``add_up`` for pages that show sums: they show older ones where that can't be done."""
    try:
        add_up()
    except DatabaseError as exc:
        _log.warning("sums are not up to date", error=f"{type(exc).__name__}: {exc}")


@transaction.atomic
def _add_some() -> int:
    # What somebody else is adding up just now is theirs.
    notes = list(Uncounted.objects.select_for_update(skip_locked=True).order_by("pk")[:AT_ONCE])
    performance.add(
        {
            performance.Row(date.fromisoformat(day), model, rule): sums
            for (day, model, rule), sums in _totals(note.sums["models"] for note in notes).items()
        }
    )
    version_performance.add(
        {
            version_performance.Row(ruleset, rule): sums
            for (ruleset, rule), sums in _totals(note.sums["versions"] for note in notes).items()
        }
    )
    Uncounted.objects.filter(pk__in=[note.pk for note in notes]).delete()
    still_awaited()
    return len(notes)


def _listed(changes: Mapping[Any, performance.Sums]) -> list[Any]:
    return [
        [*row, {column: by for column, by in sums.items() if by}] for row, sums in changes.items()
    ]


def _totals(notes: Iterable[list[list[Any]]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    totals: defaultdict[tuple[Any, ...], defaultdict[str, Any]]
    totals = defaultdict(lambda: defaultdict(int))
    for *row, sums in (line for note in notes for line in note):
        for column, by in sums.items():
            # JSON has no decimals: they are written as text.
            totals[tuple(row)][column] += Decimal(by) if isinstance(by, str) else by
    return {row: dict(sums) for row, sums in totals.items()}
