"""Limits of an API key that its owner sets: stored as rows beside those of staff, which the owner cannot change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from conversations.domain.errors import BadRequest
from conversations.models import APIKey, Limit
from conversations.usage.prices import unpriced_words
from routing.domain.limits import LimitScope, LimitUnit, LimitWindow
from routing.domain.rules import plain_names

MAX_KEY_LIMITS = 20
"""Limits that the owner of a key may set on it."""

Terms = tuple[str, str, frozenset[str] | None]
"""Unit, window and models: of one key there is one limit of each."""


@dataclass(frozen=True, slots=True)
class KeyLimit:
    """A limit as it is asked for. US dollars as they are, other amounts whole."""

    unit: LimitUnit
    window: LimitWindow
    amount: Decimal
    models: frozenset[str] | None = None
    downgrades: bool = False

    @property
    def terms(self) -> Terms:
        """Its unit, window and models: no two limits of a key share them."""
        return self.unit.value, self.window.value, self.models

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of its row."""
        at_limit = Limit.AtLimit.DOWNGRADE if self.downgrades else Limit.AtLimit.REJECT
        return {
            "unit": self.unit.value,
            "window": self.window.value,
            "amount": self.amount,
            "model_names": None if self.models is None else sorted(self.models),
            "at_limit": at_limit.value,
        }

    def covers(self, other: KeyLimit) -> bool:
        """Whether callers that this one holds for get no more than ``other`` allows."""
        same = (self.unit, self.window) == (other.unit, other.window)
        wider = self.models is None or (other.models is not None and self.models >= other.models)
        return (
            same and wider and self.amount <= other.amount and self.downgrades <= other.downgrades
        )

    def exceeds(self, other: KeyLimit) -> bool:
        """Whether it promises more than another limit of its holder will give."""
        same = (self.unit, self.window) == (other.unit, other.window)
        inside = other.models is None or (self.models is not None and self.models <= other.models)
        return same and inside and self.amount > other.amount


def key_limit_of(row: Limit) -> KeyLimit:
    """A row as a key's owner sees it."""
    return KeyLimit(
        LimitUnit(row.unit),
        LimitWindow(row.window),
        row.amount,
        plain_names(row.model_names),
        row.at_limit == Limit.AtLimit.DOWNGRADE,
    )


def key_limits(key: UUID, *, by_owner: bool = True) -> list[KeyLimit]:
    """The limits in force of one key: staff's, and its owner's with ``by_owner``."""
    rows = Limit.objects.filter(scope=LimitScope.KEY, key=key, enabled=True)
    if not by_owner:
        rows = rows.filter(by_owner=False)
    return [key_limit_of(row) for row in rows.order_by("pk")]


@transaction.atomic
def key_limits_set(key: APIKey, wanted: Sequence[KeyLimit]) -> bool:
    """Replace the owner's limits of a key; whether that changed any. A limit of the same terms keeps its
    row, and so the spent part of it. Raises ``ValidationError``, and ``BadRequest`` while a price is unknown."""
    money = any(limit.unit is LimitUnit.USD for limit in wanted)
    if money and (words := unpriced_words()):
        raise BadRequest(words)
    held: Mapping[Terms, Limit] = {
        key_limit_of(row).terms: row
        for row in Limit.objects.select_for_update().filter(key=key, by_owner=True)
    }
    terms = {limit.terms for limit in wanted}
    gone = [row.pk for each, row in held.items() if each not in terms]
    changed = bool(Limit.objects.filter(pk__in=gone).delete()[0])
    for limit in wanted:
        row = held.get(limit.terms) or Limit(scope=LimitScope.KEY.value, key=key, by_owner=True)
        if row.pk and row.enabled and key_limit_of(row) == limit:
            continue
        for name, value in limit.columns.items():
            setattr(row, name, value)
        row.enabled = True
        row.full_clean()
        row.save()
        changed = True
    return changed
