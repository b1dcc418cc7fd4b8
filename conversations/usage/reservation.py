"""Reservation: the amounts that one run may spend of the limits that hold for its caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from conversations.domain.booking import Account, Booking
from conversations.usage.counters import Charge, Slot
from conversations.usage.estimates import WorstCase
from routing.domain.limits import (
    BILLION,
    AppliedLimit,
    LimitScope,
    LimitTerms,
    LimitUnit,
    LimitWindow,
)


@dataclass(slots=True)
class Reservation:
    """The amounts that a run may spend. ``left`` is the rest of each charge's limit, itself included. ``degraded``:
    it was checked without Redis. ``cheaper``: a limit has the cheapest model answer. ``ended``: its run needs it no
    more; ``settled``: the measured usage is in its place, or will be counted from the ledger. ``request`` as for ``Booking``."""

    run: UUID
    account: Account
    at: datetime
    groups: frozenset[int]
    charges: Sequence[Charge]
    slots: Sequence[Slot] = ()
    left: Sequence[int] = ()
    degraded: bool = False
    cheaper: str = ""
    ended: bool = False
    settled: bool = False
    request: bool = True
    held: frozenset[str] = frozenset()
    """Names of all limits that held for the caller when it was admitted."""

    @property
    def reserved_usd(self) -> Decimal | None:
        """The cost of an attempt without a price; ``None`` without a limit of money."""
        dollars = [
            charge.amount for charge in self.charges if charge.limit.terms.unit is LimitUnit.USD
        ]
        return Decimal(max(dollars)) / BILLION if dollars else None

    @property
    def booking(self) -> Booking:
        """For the ledger."""
        return Booking(self.account, self.at, self.groups, self.reserved_usd, request=self.request)

    def facts(self) -> dict[str, object]:
        """The facts that another worker needs to book the run."""
        account = self.account
        return {
            "user": account.user,
            "key": account.key and str(account.key),
            "end_user": account.end_user,
            "groups": sorted(self.groups),
            "at": self.at.isoformat(),
            "request": self.request,
            "terms": [
                {
                    "unit": charge.limit.terms.unit,
                    "models": sorted(charge.limit.terms.models)
                    if charge.limit.terms.models is not None
                    else None,
                }
                for charge in self.charges
            ],
        }


def terms_of_fact(fact: Mapping[str, Any]) -> LimitTerms:
    """The measure that is noted with a reservation."""
    models = fact["models"]
    return LimitTerms(
        id=0,
        scope=LimitScope.INSTALLATION,
        unit=LimitUnit(fact["unit"]),
        window=LimitWindow.TOTAL,
        amount=0,
        models=None if models is None else frozenset(models),
    )


def charges_of(
    applied: Sequence[AppliedLimit], estimate: WorstCase, *, request: bool = True
) -> list[Charge]:
    """The most that a run may take from each limit; limits of requests have no part in what is none."""
    if not request:
        applied = [limit for limit in applied if not limit.terms.of_requests]
    # A limit of other models alone is charged nothing, and takes no part.
    needs = estimate.needs([limit.terms for limit in applied])
    charges = list(map(Charge, applied, needs))
    return [charge for charge in charges if charge.amount or charge.limit.terms.models is None]
