"""Reservations: the one owner of a run's money and tokens, from before its first paid call to its booked end.

A run is admitted by one atomic step over all limits that hold for its caller; its end settles the
reservation by the calls that the ledger has. A worker that dies leaves a lease that runs out: another one
books the run and settles. Without Redis, budgets are checked in the ledger and the rest passes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.utils import timezone

from conversations.db.access import in_database, written
from conversations.domain.booking import Account, Booking
from conversations.domain.errors import BudgetExhausted, LimitExceeded, LimitReached
from conversations.usage.counters import (
    COUNT_ANEW,
    Charge,
    Exceeded,
    LimitsUnavailable,
    UsageCounters,
)
from conversations.usage.estimates import WorstCase
from conversations.usage.ledger import book_lost, charged, paid_calls, paid_calls_of
from conversations.usage.limit_cache import LimitCache
from conversations.usage.reservation import Reservation, charges_of, terms_of_fact
from conversations.usage.sums import spent
from conversations.usage.warnings import LimitWatch
from routing.common.redis.direct import AttachedCommand
from routing.common.tasks import Background
from routing.domain.limits import (
    AppliedLimit,
    LimitTerms,
    LimitUnit,
    LimitWindow,
    PaidCall,
    measures,
    window_end,
)
from routing.domain.llm import Attempt

_log = structlog.get_logger("assistant.limits")

REMEMBERED = 2_000
"""Reservations of ended runs, for the headers of their answers."""
LOST_SECONDS = 5.0
"""Between two looks for runs of dead workers."""
LOOK_BACK_SECONDS = 2.0
"""After the end of a run: longer than a worker takes to know a new limit."""
DIRTY = 10_000
"""Counters that are to be counted anew once Redis is back."""


class Reservations:
    """Admits runs, and settles them. ``prices_known`` is awaited before anything is estimated.
    ``lease_seconds``: how long a reservation outlives a dead worker."""

    def __init__(
        self,
        limits: LimitCache,
        counters: UsageCounters,
        background: Background,
        watch: LimitWatch,
        *,
        prices_known: Callable[[], Awaitable[None]],
        zone: ZoneInfo,
        lease_seconds: float,
    ) -> None:
        self._limits, self._counters, self._background = limits, counters, background
        self._watch = watch
        self._prices_known = prices_known
        self._zone, self._lease = zone, lease_seconds
        self._live: dict[UUID, Reservation] = {}
        self._recent: OrderedDict[UUID, Reservation] = OrderedDict()
        self._dirty: dict[tuple[AppliedLimit, datetime], None] = {}
        self._booked: dict[tuple[Account, frozenset[str]], datetime] = {}

    def start(self) -> None:
        """Look for the runs of dead workers from now on."""
        seconds = min(LOST_SECONDS, self._lease)
        self._background.every("lost reservations", self._settle_lost, seconds=seconds)

    async def limited(self, account: Account) -> bool:
        """Whether any limit holds for an account."""
        return bool((await self._limits.applying(account))[0])

    def of(self, run: UUID) -> Reservation | None:
        """The reservation of a run that was admitted here lately."""
        return self._live.get(run) or self._recent.get(run)

    async def reserve(
        self,
        run: UUID,
        account: Account,
        estimate: Callable[[], WorstCase],
        cheaper: Callable[[], tuple[str, WorstCase] | None] = lambda: None,
        *,
        request: bool = True,
        force: bool = False,
    ) -> Reservation | None:
        """Reserve the worst case of a run; ``None`` where no limit holds for its caller. ``cheaper`` is the
        way out that some limits have. ``force``: without a check. Raises ``LimitReached``."""
        applied, groups = await self._limits.applying(account)
        if not applied:
            return None
        await self._prices_known()
        charges = charges_of(applied, estimate(), request=request)
        reservation = Reservation(
            run, account, timezone.now(), groups, charges, request=request,
            held=frozenset(limit.name for limit in applied),
        )  # fmt: skip
        exceeded = await self._take(reservation, force=force)
        if exceeded and all(each.limit.terms.downgrades for each in exceeded):
            name, smaller = cheaper() or ("", None)
            if smaller:
                reservation.charges, reservation.cheaper = charges_of(applied, smaller), name
                exceeded = await self._take(reservation)
        if exceeded:
            for each in exceeded:
                who, at = account.user, reservation.at
                self._watch.look(each.limit, at, who, self.used, refused=True)
            refusal = self._refusal(exceeded, reservation)
            refusal.left = await self._left(applied, reservation.at)
            raise refusal
        self._live[run] = reservation
        pause = self._lease / 4
        self._background.every("reservations", self._keep, seconds=pause, busy=self._live)
        return reservation

    async def settle(self, reservation: Reservation, attempts: Sequence[Attempt]) -> None:
        """Put the measured usage of a booked run in the place of its reservation, once. Never raises."""
        if not reservation.settled:
            await self._settle(reservation, _paid(reservation, attempts))

    def settlement(
        self, reservation: Reservation, attempts: Sequence[Attempt]
    ) -> AttachedCommand | None:
        """``settle`` as a command for another part's round trip; ``None`` where it is done. Where its reply
        does not come, ``settle`` does it once more."""
        if reservation.settled or reservation.ended:
            return None
        self._end(reservation)
        measured = _measured(reservation, _paid(reservation, attempts))
        command = self._counters.settlement(reservation.run, reservation.slots, measured)
        return AttachedCommand(command, partial(self._told, reservation))

    def note_booked(self, booking: Booking, reservation: Reservation | None) -> None:
        """A run is over and booked. A limit that was set or changed meanwhile may have been counted without it,
        so such ones are counted anew, once every worker knows them."""
        if len(self._booked) < DIRTY:
            held = reservation.held if reservation else frozenset()
            self._booked[booking.account, held] = booking.at
        self._background.every(
            "limits of booked runs", self._look_back, seconds=LOOK_BACK_SECONDS, busy=self._booked
        )

    async def release(self, reservation: Reservation) -> None:
        """Give back the reservation of a run that never began."""
        await self._settle(reservation, None)

    async def peek(self, account: Account) -> Reservation | None:
        """The rest of an account's limits now, without a reservation."""
        applied, groups = await self._limits.applying(account)
        if not applied:
            return None
        now = timezone.now()
        charges = [Charge(limit, 0) for limit in applied]
        shown = Reservation(UUID(int=0), account, now, groups, charges)
        shown.left = [left for left, _ in await self._left(applied, now)]
        return shown

    async def _left(
        self, applied: Sequence[AppliedLimit], at: datetime
    ) -> list[tuple[int, LimitTerms]]:
        """The rest of each limit, and its terms."""
        used = [sum(await self.used(limit, at)) for limit in applied]
        return [
            (each.terms.amount - spent, each.terms)
            for each, spent in zip(applied, used, strict=True)
        ]

    async def require_budget(self, account: Account) -> None:
        """Raises ``BudgetExhausted`` where nothing is left of a budget: a caller that is refused for another
        reason must not be told to come back in vain."""
        applied, _ = await self._limits.applying(account)
        now = timezone.now()
        for limit in applied:
            terms = limit.terms
            firm = terms.is_budget and terms.models is None and not terms.downgrades
            if firm and sum(await self.used(limit, now)) >= terms.amount:
                refusal = BudgetExhausted(terms, resets_at=window_end(terms, now, self._zone))
                refusal.left = await self._left(applied, now)
                raise refusal

    async def used(self, limit: AppliedLimit, at: datetime) -> tuple[int, int]:
        """The used and the reserved amount of a limit."""
        try:
            state = await self._counters.state(limit, at)
        except LimitsUnavailable:
            state = None
        if state is not None:
            return state
        return sum((await in_database(spent, limit, at, self._zone)).values()), 0

    async def _take(self, reservation: Reservation, *, force: bool = False) -> list[Exceeded]:
        """Reserve all, or return the limits without room. ``force``: reserve all."""
        try:
            got = await self._in_redis(reservation, force=force)
        except LimitsUnavailable as exc:
            _log.warning("budgets are checked in the ledger", error=str(exc))
            reservation.degraded = True
            got = [] if force else await self._in_ledger(reservation)
        exceeded = [each for each in got if isinstance(each, Exceeded)]
        reservation.left = [each for each in got if isinstance(each, int)]
        return exceeded

    async def _in_redis(self, reservation: Reservation, *, force: bool) -> Sequence[int | Exceeded]:
        reservation.slots = self._counters.slots(reservation.charges, reservation.at)
        taking = self._counters.reserve(
            reservation.run,
            reservation.charges,
            reservation.slots,
            reservation.at,
            reservation.facts(),
            lease=self._lease,
            force=force,
        )
        try:
            return await taking
        except asyncio.CancelledError:
            # It may be there already, and its run will never begin.
            self._background.start("releases", self.release(reservation), finish=True)
            raise

    async def _in_ledger(self, reservation: Reservation) -> Sequence[int | Exceeded]:
        got: list[int | Exceeded] = []
        for charge in reservation.charges:
            limit = charge.limit
            lasting = limit.terms.unit is LimitUnit.USD or limit.terms.window is LimitWindow.TOTAL
            if not lasting or limit.terms.unit is LimitUnit.CONCURRENT:
                got.append(limit.terms.amount)
                continue
            used = await in_database(spent, limit, reservation.at, self._zone)
            free = limit.terms.amount - sum(used.values()) - self._held_here(limit)
            fits = charge.amount <= free
            got.append(free - charge.amount if fits else Exceeded(limit, max(0, free), 0.0))
        exceeded = [each for each in got if isinstance(each, Exceeded)]
        return exceeded or got

    def _held_here(self, limit: AppliedLimit) -> int:
        charges = (charge for live in self._live.values() for charge in live.charges)
        return sum(charge.amount for charge in charges if charge.limit == limit)

    async def _settle(self, reservation: Reservation, calls: Sequence[PaidCall] | None) -> None:
        if reservation.settled:
            return
        reservation.settled = True
        self._end(reservation)
        measured = _measured(reservation, calls)
        try:
            used = await self._counters.settle(reservation.run, reservation.slots, measured)
            self._observe(reservation, used)
        except LimitsUnavailable:
            self._observe(reservation, [COUNT_ANEW] * len(measured))
            # Redis may come back with counters from before this run.
            for charge in reservation.charges:
                if len(self._dirty) < DIRTY:
                    self._dirty[charge.limit, reservation.at] = None
            self._count_stale()

    def _count_stale(self) -> None:
        if self._dirty:
            pause = self._lease / 4
            self._background.every("stale counters", self._forget, seconds=pause, busy=self._dirty)

    def _told(self, reservation: Reservation, reply: Any) -> None:
        """Of the command of ``settlement``."""
        self._counters.replied(reply)
        if isinstance(reply, Exception):
            return
        reservation.settled = True
        self._observe(reservation, reply)

    def _end(self, reservation: Reservation) -> None:
        reservation.ended = True
        self._live.pop(reservation.run, None)
        self._recent[reservation.run] = reservation
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)

    def _observe(self, reservation: Reservation, used: Sequence[int]) -> None:
        at, user = reservation.at, reservation.account.user
        for charge, amount in zip(reservation.charges, used, strict=True):
            if amount == COUNT_ANEW:
                self._watch.look(charge.limit, at, user, self.used)
            else:
                self._watch.observe(charge.limit, amount, at, user)

    async def _look_back(self) -> None:
        booked = dict(self._booked)
        self._booked.clear()
        for (account, held), at in booked.items():
            applied, _ = await self._limits.applying(account)
            new = ((limit, at) for limit in applied if limit.name not in held)
            self._dirty.update(dict.fromkeys(new))
        await self._forget()
        self._count_stale()

    async def _forget(self) -> None:
        try:
            for limit, at in list(self._dirty):
                await self._counters.forget(limit, at)
                self._dirty.pop((limit, at), None)
        except LimitsUnavailable:
            return

    async def _keep(self) -> None:
        """Renew the leases; reservations that Redis lost are made again, without a check."""
        try:
            for run in await self._counters.renew(list(self._live), lease=self._lease):
                if held := self._live.get(run):
                    await self._in_redis(held, force=True)
                    if held.ended:  # meanwhile: its own settlement found nothing
                        held.settled = False
                        await self.release(held)
        except LimitsUnavailable:
            return

    async def _settle_lost(self) -> None:
        try:
            found = await self._counters.lost()
        except LimitsUnavailable as exc:
            _log.warning("lost reservations are looked for later", error=str(exc))
            return
        for run in found:
            await self._settle_run(run)

    async def _settle_run(self, run: UUID) -> None:
        if run in self._live:
            return  # ours, and only late with its renewal
        try:
            facts, slots = await self._counters.noted(run)
            if facts:
                await written(book_lost, run, facts)
            calls = await in_database(paid_calls_of, run)
            terms = map(terms_of_fact, facts.get("terms", ()))
            measured = [each.measure(calls) for each in terms]
            await self._counters.settle(run, slots, measured or [0] * len(slots))
        except Exception:  # noqa: BLE001 - one that can't be settled must not keep the others from it
            _log.exception("a lost reservation is settled later", run=str(run))
        else:
            _log.warning("a reservation without its worker was settled", run=str(run))

    def _refusal(self, exceeded: Sequence[Exceeded], reservation: Reservation) -> LimitReached:
        """The error of the limit that matters most: a budget, else the longest wait."""
        worst = max(exceeded, key=lambda each: (each.limit.terms.is_budget, each.wait))
        terms = worst.limit.terms
        if terms.is_budget:
            end = window_end(terms, reservation.at, self._zone)
            return BudgetExhausted(terms, resets_at=end)
        return LimitExceeded(terms, wait=worst.wait)


def _paid(reservation: Reservation, attempts: Sequence[Attempt]) -> list[PaidCall]:
    return paid_calls(charged(attempts, reservation.reserved_usd))


def _measured(reservation: Reservation, calls: Sequence[PaidCall] | None) -> list[int]:
    """The usage of each limit by these calls; none of a run that never began."""
    if calls is None:
        return [0] * len(reservation.charges)
    return list(measures([charge.limit.terms for charge in reservation.charges], calls))
