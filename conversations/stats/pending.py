"""Pending increments: rows of sums, written with each ended answer and added up soon after.

The note and the answer are one transaction, and so are the addition and the note's deletion: nothing is
lost with a process, nothing is counted twice, and deleting an answer takes none of it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db import Error as DatabaseError
from django.db import transaction

from conversations.db.access import AWAY, Insert, still_awaited
from conversations.models import Uncounted
from conversations.stats.daily import (
    COSTS,
    FIRST_TOKENS,
    OUTCOMES,
    PEOPLE,
    cost_increments,
    first_token_increments,
    outcome_increments,
    person_increments,
)
from conversations.stats.speculation import SPECULATIONS, speculation_increments
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
TABLES = {
    "models": MODELS,
    "versions": VERSIONS,
    "costs": COSTS,
    "outcomes": OUTCOMES,
    "first_tokens": FIRST_TOKENS,
    "people": PEOPLE,
    "speculations": SPECULATIONS,
}
"""The tables by their part of a note. An older worker's note lacks some."""
MOST = 10**15
"""More than any answer adds to any sum, squares of milliseconds among them."""

_UNFIT = (
    *(DatabaseError, FieldDoesNotExist, FieldError, ValidationError),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)
"""Exceptions of a note that cannot be added: a constraint, a column, a number, its JSON."""

_insert = Insert(Uncounted, "message", "sums")


def note_answers(ended: Sequence[tuple[UUID, RunOutcome, datetime]]) -> None:
    """Note the increments of answers, each with the time at which it began. Call it in the transaction that
    ends them."""
    _insert(*((message, _sums_of(outcome, started)) for message, outcome, started in ended))


def _sums_of(outcome: RunOutcome, started: datetime) -> Mapping[str, list[list[Any]]]:
    sums = {
        "models": model_increments(outcome, started),
        "versions": version_increments(outcome),
        "costs": cost_increments(outcome, started),
        "outcomes": outcome_increments(outcome, started),
        "first_tokens": first_token_increments(outcome, started),
        "people": person_increments(outcome, started),
        "speculations": speculation_increments(outcome, started),
    }
    return {name: _as_json(changes) for name, changes in sums.items()}


def add_up() -> int:
    """Add the notes to the tables; returns their number. Several processes may do so at once.

    A note that cannot be added is set aside, with the reason, and the others go on. Raises the
    database's errors when it is away.
    """
    count = 0
    while batch := _waiting():
        try:
            added = _add(batch)
        except AWAY:
            raise
        except _UNFIT:
            added = sum(map(_add_alone, batch))
        if not added:
            break  # another process has them
        count += added
    return count


def set_aside() -> int:
    """How many notes could not be added."""
    return Uncounted.objects.exclude(failure="").count()


def add_up_if_possible() -> None:
    """``add_up`` for pages: after a database error they show older sums."""
    try:
        add_up()
    except DatabaseError as exc:
        _log.warning("sums are not up to date", error=f"{type(exc).__name__}: {exc}")


def _waiting() -> list[UUID]:
    # The keys alone: one note that is not even JSON must not hide the others.
    waiting = Uncounted.objects.filter(failure="").order_by("pk")
    return list(waiting.values_list("pk", flat=True)[:BATCH])


def _add_alone(note: UUID) -> int:
    """Add one note, or set it aside; 1 in either case, 0 where another process has it."""
    try:
        return _add([note])
    except AWAY:
        raise
    except _UNFIT as exc:
        failure = f"{type(exc).__name__}: {exc}"
        _log.error("an answer's sums are set aside", message=str(note), error=failure)
        return Uncounted.objects.filter(pk=note).update(failure=failure[:200])


@transaction.atomic
def _add(batch: Sequence[UUID]) -> int:
    # Locked rows are being added up by another process.
    notes = list(Uncounted.objects.select_for_update(skip_locked=True).filter(pk__in=batch))
    # Always in this order of tables: the other order in another process would deadlock.
    for name, table in TABLES.items():
        totals = _totals(_part(note.sums, name) for note in notes)
        table.add(_of_accounts(totals) if table is PEOPLE else totals)
    Uncounted.objects.filter(pk__in=[note.pk for note in notes]).delete()
    # Last before the commit: a transaction that nothing awaits any more is rolled back.
    still_awaited()
    return len(notes)


def _as_json(changes: Mapping[Key, Increments]) -> list[list[Any]]:
    return [
        [*key, {column: by for column, by in sums.items() if by}] for key, sums in changes.items()
    ]


def _of_accounts(changes: Mapping[Key, Increments]) -> Mapping[Key, Increments]:
    """The changes of people who still have an account: a note may be older than its person's erasure."""
    if not changes:
        return {}
    # Locked to the commit: an erasure waits for these rows, or this waits and finds no account.
    kept = User.objects.filter(pk__in={user for _, user in changes}).order_by("pk")
    users = set(kept.select_for_update(no_key=True).values_list("pk", flat=True))
    return {key: sums for key, sums in changes.items() if key[1] in users}


def _part(sums: Any, table: str) -> Iterable[list[Any]]:
    """A note's lines for one table. Raises ``LookupError`` where a part is missing that every note has."""
    return sums[table] if table in {"models", "versions"} else sums.get(table, ())  # type: ignore[no-any-return]


def _totals(notes: Iterable[Iterable[list[Any]]]) -> Mapping[Key, Increments]:
    totals: defaultdict[Key, defaultdict[str, Any]] = defaultdict(lambda: defaultdict(int))
    for *key, sums in (line for note in notes for line in note):
        for column, by in sums.items():
            totals[tuple(key)][column] += _increment(by)
    return totals


def _increment(by: Any) -> int | float | Decimal:
    """JSON has no decimals: they are written as text. Raises ``ValueError``, ``ArithmeticError`` for what
    no answer can add."""
    number = Decimal(by) if isinstance(by, str) else by
    if not isinstance(number, int | float | Decimal) or not 0 <= number <= MOST:
        raise ValueError(f"{by!r:.40} is no increment")
    return number
