"""Booking: the payer of a run, and the moment that decides into which day and window its cost falls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from routing.domain.llm import Attempt


@dataclass(frozen=True, slots=True)
class Account:
    """The caller that a run is booked for: a person, its API key, and the key's own end user. The user is ``None``
    for an erased person."""

    user: int | None
    key: UUID | None = None
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Booking:
    """An account with the time at which the run was admitted. ``groups`` are the person's groups that had
    a limit then. ``reserved_usd`` is what an attempt without a known price costs; ``None``: it stays unknown.
    ``unmetered`` are the calls of a run whose worker died, as far as its log tells of them. ``request``: whether it
    counts as one; calls beside the answers do not.
    """

    account: Account
    at: datetime
    groups: frozenset[int] = frozenset()
    reserved_usd: Decimal | None = None
    unmetered: tuple[Attempt, ...] = ()
    request: bool = True
