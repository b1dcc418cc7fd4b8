"""Ledger: books each run once, a row for each of its attempts, in the transaction that ends the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from conversations.db.access import Exists, Insert
from conversations.domain.booking import Account, Booking
from conversations.models import LedgerEntry
from conversations.usage.days import day_of
from conversations.usage.roll_up import days_changed, rows_added
from routing.domain.limits import BILLION, PaidCall
from routing.domain.llm import Attempt, Usage

if TYPE_CHECKING:
    from conversations.domain.outcome import RunOutcome

NOBODY = Account(None)

_is_booked = Exists(LedgerEntry, "run")
_is_person = Exists(User, "id")
_insert = Insert(
    LedgerEntry,
    *("run", "place", "at", "day", "user", "key", "end_user", "groups", "requests", "purpose"),
    *("model", "provider", "rule", "outcome", "input_tokens", "output_tokens", "cached_tokens"),
    *("reasoning_tokens", "cost", "estimated"),
)
FORGOTTEN_RUNS = 100
_ANSWERING = frozenset({"chat", "image"})
_NONE = Attempt("chat", "", "", 0, 0, "")


def billionths(dollars: Decimal) -> int:
    """US dollars as the ledger counts them."""
    return int(dollars * BILLION)


def book(run: UUID, outcome: RunOutcome) -> bool:
    """Add the rows of a run; ``False`` where they are there. Call it in the transaction that ends the run: of
    two processes that end it, one books."""
    if outcome.booking is None:
        return True
    if _is_booked(run):
        return False
    try:
        with transaction.atomic():
            book_new([(run, outcome)])
    except IntegrityError:
        if not _is_booked(run):
            raise
        return False
    return True


def book_new(ended: Sequence[tuple[UUID, RunOutcome]]) -> None:
    """Add the rows of runs that are not there yet. Raises ``IntegrityError`` where one is."""
    booked = [(run, outcome.booking, outcome) for run, outcome in ended if outcome.booking]
    people = {booking.account.user for _, booking, _ in booked}
    known = {user for user in people if _is_person(user)}
    rows: list[Sequence[object]] = []
    for run, booking, outcome in booked:
        if booking.account.user in known:
            rows += _rows(run, booking, outcome)
        else:
            # Erased meanwhile: what was spent is booked, and names nobody.
            rows += _rows(uuid4(), replace(booking, account=NOBODY), outcome)
    if rows:
        _insert(*rows)
    for day in {day_of(booking.at) for _, booking, _ in booked}:
        rows_added(day)


def book_calls(
    run: UUID, booking: Booking, attempts: Sequence[Attempt], rule: str, purpose: str
) -> None:
    """Add the rows of calls beside the answers, all of one purpose. Call it once for a run."""
    if rows := _call_rows(run, booking, attempts, rule, purpose=purpose):
        with transaction.atomic():
            _insert(*rows)
            rows_added(day_of(booking.at))


def paid_calls(attempts: Sequence[Attempt]) -> list[PaidCall]:
    """The calls of a run as limits measure them: those that its rows tell."""
    return [
        PaidCall(
            attempt.model,
            attempt.usage.input_tokens + attempt.usage.output_tokens,
            _cost(attempt.usage),
        )
        for attempt in attempts
    ]


def paid_calls_of(run: UUID) -> list[PaidCall]:
    """The same of a run's rows."""
    rows = LedgerEntry.objects.filter(run=run).order_by("place")
    return [
        PaidCall(row.model, row.input_tokens + row.output_tokens, row.cost or 0) for row in rows
    ]


def book_lost(run: UUID, facts: Mapping[str, Any]) -> None:
    """Book a run that no worker has ended, unless it was booked: as a request of unknown calls."""
    if not facts.get("request", True) or _is_booked(run):
        return
    key = facts["key"]
    account = Account(facts["user"], key and UUID(key), facts["end_user"])
    at, groups = datetime.fromisoformat(facts["at"]), frozenset(facts["groups"])
    with transaction.atomic():
        _insert(_row(run, 0, Booking(account, at, groups), _NONE, ""))
        rows_added(day_of(at))


@transaction.atomic
def forget_some(user: int) -> bool:
    """Take a person out of the next rows; whether there were any. The sums of all others stay."""
    own = LedgerEntry.objects.filter(user=user).order_by()
    runs = list(own.values_list("run", flat=True).distinct()[:FORGOTTEN_RUNS])
    # The answers' ids, too: stored answers are named after them.
    others = {run: uuid4() for run in runs}
    rows = list(LedgerEntry.objects.filter(run__in=runs))
    for row in rows:
        row.run, row.user, row.key, row.end_user = others[row.run], None, None, ""
    LedgerEntry.objects.bulk_update(rows, ["run", "user", "key", "end_user"], batch_size=100)
    if rows:
        days_changed(row.day for row in rows)
    return bool(rows)


def _rows(run: UUID, booking: Booking, outcome: RunOutcome) -> list[Sequence[object]]:
    rule = (outcome.decision and outcome.decision.rule) or ""
    return _call_rows(run, booking, outcome.attempts or booking.unmetered, rule)


def _call_rows(
    run: UUID, booking: Booking, attempts: Sequence[Attempt], rule: str, *, purpose: str = ""
) -> list[Sequence[object]]:
    rows = charged(attempts, booking.reserved_usd) or ([_NONE] if booking.request else [])
    counted = _place_of_answer(rows) if booking.request else None
    return [
        _row(run, place, booking, each, rule, purpose=purpose, requests=int(place == counted))
        for place, each in enumerate(rows)
    ]


def _place_of_answer(attempts: Sequence[Attempt]) -> int:
    """The call that counts as the request: the one that answered, else the first that was to, else the first."""
    ranks = [(attempt.operation in _ANSWERING, attempt.ok) for attempt in attempts]
    return ranks.index(max(ranks)) if ranks else 0


def _row(
    run: UUID,
    place: int,
    booking: Booking,
    attempt: Attempt,
    rule: str,
    *,
    purpose: str = "",
    requests: int = 1,
) -> Sequence[object]:
    account, groups, usage = booking.account, sorted(booking.groups), attempt.usage
    return (
        *(run, place, booking.at, day_of(booking.at)),
        *(account.user, account.key, account.end_user),
        f"|{'|'.join(map(str, groups))}|" if groups else "",
        requests,
        "" if attempt is _NONE else purpose or attempt.operation,
        *(attempt.model, attempt.provider, rule, attempt.outcome),
        *(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens),
        None if usage.unpriced else _cost(usage),
        usage.estimated,
    )


def charged(attempts: Sequence[Attempt], reserved_usd: Decimal | None) -> Sequence[Attempt]:
    """The attempts, where those without a known price share in what is left of the reservation: an answer
    without a price must not be free."""
    unknown = [attempt for attempt in attempts if attempt.usage.unpriced]
    if reserved_usd is None or not unknown:
        return attempts
    known = sum((attempt.usage.cost_usd or Decimal(0) for attempt in attempts), Decimal(0))
    share = max(Decimal(0), reserved_usd - known) / len(unknown)
    return [
        replace(attempt, usage=replace(attempt.usage.at(share), estimated=True))
        if attempt.usage.unpriced
        else attempt
        for attempt in attempts
    ]


def _cost(usage: Usage) -> int:
    return billionths(usage.cost_usd or Decimal(0))
