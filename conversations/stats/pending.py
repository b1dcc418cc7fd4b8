"""Pending increments: rows of sums, written with each ended answer and added up soon after.

The note and the answer are one transaction, and so are the addition and the note's deletion: nothing is
lost with a process, nothing is counted twice, and deleting an answer takes none of it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import transaction

from conversations.db.access import Insert, still_awaited
from conversations.models import Uncounted
from conversations.stats.stats_table import (
    MODELS,
    VERSIONS,
    Increments,
    Key,
    model_increments,
    version_increments,
)

if TYPE_CHECKING:
    from conversations.domain.outcome import RunOutcome

_log = structlog.get_logger("assistant.counting")

BATCH = 500
"""Answers added up in one transaction."""

_insert = Insert(Uncounted, "message", "sums")


def note_answer(message: UUID, outcome: RunOutcome, started: datetime) -> None:
    """Note the increments of an answer. Call it in the transaction that ends the answer."""
    models, versions = model_increments(outcome, started), version_increments(outcome)
    if models or versions:
        _insert((message, {"models": _as_json(models), "versions": _as_json(versions)}))


def add_up() -> int:
    """Add the notes to the tables; returns their number. Several processes may do so at once."""
    count = 0
    while Uncounted.objects.exists() and (added := _add_batch()):
        count += added
    return count


def add_up_if_possible() -> None:
    """``add_up`` for pages: after a database error they show older sums."""
    try:
        add_up()
    except DatabaseError as exc:
        _log.warning("sums are not up to date", error=f"{type(exc).__name__}: {exc}")


@transaction.atomic
def _add_batch() -> int:
    # Locked rows are being added up by another process.
    notes = list(Uncounted.objects.select_for_update(skip_locked=True).order_by("pk")[:BATCH])
    # Always in this order of tables: the other order in another process would deadlock.
    MODELS.add(_totals(note.sums["models"] for note in notes))
    VERSIONS.add(_totals(note.sums["versions"] for note in notes))
    Uncounted.objects.filter(pk__in=[note.pk for note in notes]).delete()
    # Last before the commit: a transaction that nothing awaits any more is rolled back.
    still_awaited()
    return len(notes)


def _as_json(changes: Mapping[Key, Increments]) -> list[list[Any]]:
    return [
        [*key, {column: by for column, by in sums.items() if by}] for key, sums in changes.items()
    ]


def _totals(notes: Iterable[list[list[Any]]]) -> Mapping[Key, Increments]:
    totals: defaultdict[Key, defaultdict[str, Any]] = defaultdict(lambda: defaultdict(int))
    for *key, sums in (line for note in notes for line in note):
        for column, by in sums.items():
            # JSON has no decimals: they are written as text.
            totals[tuple(key)][column] += Decimal(by) if isinstance(by, str) else by
    return totals
