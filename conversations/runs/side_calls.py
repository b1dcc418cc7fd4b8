"""Side calls: calls to models beside the answers, within limits, in the ledger and in the sums of costs.

Decisions in shadow, audits and vectors are the installation's own: no person pays for them, and they are
no requests. A trial is a request of the person that makes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from conversations.db.access import written
from conversations.domain.booking import Account, Booking
from conversations.models import new_id
from conversations.stats.daily import cost_record
from conversations.usage.estimates import Estimator, WorstCase
from conversations.usage.ledger import NOBODY, book_calls, paid_calls
from conversations.usage.reservations import Reservations
from routing.common.tasks import Background
from routing.domain.limits import PaidCall
from routing.domain.llm import Attempt

_log = structlog.get_logger("assistant.limits")


@dataclass(frozen=True, slots=True)
class _Record:
    run: UUID
    booking: Booking
    calls: Sequence[Attempt]
    rule: str
    purpose: str

    @transaction.atomic
    def keep(self) -> None:
        """Add the rows and the sums."""
        book_calls(self.run, self.booking, self.calls, self.rule, self.purpose)
        cost_record(purpose=self.purpose, rule=self.rule, attempts=self.calls)


class SideCalls:
    """Books side calls under their purpose. ``estimator`` knows what they cost at their worst."""

    def __init__(
        self, reservations: Reservations, estimator: Estimator, background: Background
    ) -> None:
        self.estimator = estimator
        self._reservations, self._background = reservations, background

    @asynccontextmanager
    async def booked(
        self,
        purpose: str,
        worst: Callable[[], Sequence[PaidCall]] = tuple,
        *,
        rule: str = "",
        account: Account = NOBODY,
        force: bool = False,
        here: bool = False,
    ) -> AsyncIterator[list[Attempt]]:
        """The list for the block's calls, which are booked at its end. What ``worst`` estimates is reserved
        before, where limits hold; raises ``LimitReached`` where that has no room. ``force``: they are counted and never refused. ``here``: a synchronous caller
        waits, whose thread and transaction they are booked in."""
        run, request = new_id(), account != NOBODY
        reservation = await self._reservations.reserve(
            run, account, lambda: WorstCase(worst(), ()), request=request, force=force
        )
        booking = Booking(account, timezone.now(), request=request)
        calls: list[Attempt] = []
        try:
            yield calls
        finally:
            own = reservation.booking if reservation else booking
            kept = await self._kept(_Record(run, own, calls, rule, purpose), here=here)
            if reservation and kept:
                await self._reservations.settle(reservation, calls)
            elif reservation:
                await self._reservations.release(reservation)

    async def _kept(self, record: _Record, *, here: bool) -> bool:
        try:
            await (sync_to_async(record.keep)() if here else written(record.keep))
        except DatabaseError as exc:
            _log.warning("calls are not booked", error=f"{type(exc).__name__}: {exc}")
            return False
        return True

    def embedded(self, attempt: Attempt) -> None:
        """Book vectors that no run is metered for, in the background."""
        self._background.start("vectors to book", self._embedded(attempt), finish=True)

    async def _embedded(self, attempt: Attempt) -> None:
        async with self.booked("embedding", lambda: paid_calls([attempt]), force=True) as calls:
            calls.append(attempt)
