"""Snapshot of the limits, by the subjects that they hold for, as recent as a second on each worker.

Whether they changed is one small question to the database a second; without any limit a request costs a
look into an empty table.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import Error as DatabaseError

from conversations.db.access import in_database
from conversations.db.table_version import SETTLING, Version, table_version
from conversations.domain.booking import Account
from conversations.models import Limit
from conversations.usage.key_makers import makers_of
from conversations.usage.ledger import billionths
from routing.common.tasks import Background
from routing.domain.limits import AppliedLimit, LimitScope, LimitTerms, LimitUnit, LimitWindow
from routing.domain.rules import plain_names

_log = structlog.get_logger("assistant.limits")

FRESH_SECONDS = 0.9
"""With the read itself it is less than a second."""
REMEMBERED = 10_000
"""People whose groups, and accounts whose limits are in memory."""
EACH = ""
"""The subject of a limit that each person, key or end user has for itself."""


@dataclass(frozen=True, slots=True)
class LimitTable:
    """The limits in force, by scope and subject."""

    version: Version = (0, None, None, len(SETTLING))
    terms: Mapping[tuple[LimitScope, str], Sequence[LimitTerms]] = field(default_factory=dict)
    has_groups: bool = field(init=False)
    """Whether the groups of a person matter. Kept: there may be thousands of subjects."""
    has_keys: bool = field(init=False)
    """Whether the makers of a key do."""

    _applied: dict[tuple[Account, frozenset[int], tuple[UUID, ...]], list[AppliedLimit]] = field(
        init=False, default_factory=dict, compare=False
    )

    def __post_init__(self) -> None:
        scopes = {scope for scope, _ in self.terms}
        object.__setattr__(self, "has_groups", LimitScope.GROUP in scopes)
        object.__setattr__(self, "has_keys", LimitScope.KEY in scopes)

    def applying(
        self, account: Account, groups: frozenset[int], makers: tuple[UUID, ...] = ()
    ) -> list[AppliedLimit]:
        """The limits that hold for an account, those of the ``makers`` of its key among them."""
        # With the makers: they are none while the database does not tell them.
        if (found := self._applied.get((account, groups, makers))) is not None:
            return found
        if len(self._applied) >= REMEMBERED:
            self._applied.clear()
        found = self._applied[account, groups, makers] = self._found(account, groups, makers)
        return found

    def _found(
        self, account: Account, groups: frozenset[int], makers: Sequence[UUID]
    ) -> list[AppliedLimit]:
        subjects: list[tuple[LimitScope, str, str]] = [
            (LimitScope.INSTALLATION, EACH, ""),
            *((LimitScope.GROUP, str(group), str(group)) for group in sorted(groups)),
        ]
        spenders = [(LimitScope.USER, account.user), (LimitScope.KEY, account.key)]
        spenders += [(LimitScope.KEY, maker) for maker in makers]
        for scope, own in spenders:
            if own is not None:
                subjects += [(scope, str(own), str(own)), (scope, EACH, str(own))]
        if account.end_user:
            # A name counts with all keys where the limit names it; else each key has end users of its own.
            named, each = f"* {account.end_user}", f"{account.key} {account.end_user}"
            subjects.append((LimitScope.END_USER, account.end_user, named))
            subjects.append((LimitScope.END_USER, EACH, each))
        found = (
            AppliedLimit(terms, subject)
            for scope, whose, subject in subjects
            for terms in self.terms.get((scope, whose), ())
        )
        return list(found)


class LimitCache:
    """Reads the limits. ``now`` is monotonic, in seconds."""

    def __init__(
        self, background: Background, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._background, self._now = background, now
        self._table, self._read_at = LimitTable(), float("-inf")
        self._reading: asyncio.Task[LimitTable] | None = None
        self._groups: dict[int, tuple[float, frozenset[int]]] = {}
        self._makers: dict[UUID, tuple[UUID, ...]] = {}

    async def applying(self, account: Account) -> tuple[list[AppliedLimit], frozenset[int]]:
        """The limits that hold for an account, and its groups with a limit."""
        table = await self._current()
        if not table.terms:
            return [], frozenset()
        groups: frozenset[int] = frozenset()
        if table.has_groups and account.user is not None:
            groups = frozenset(
                group
                for group in await self._groups_of(account.user)
                if (LimitScope.GROUP, str(group)) in table.terms
            )
        makers: tuple[UUID, ...] = ()
        if table.has_keys and account.key is not None:
            makers = await self._makers_of(account.key)
        return table.applying(account, groups, makers), groups

    async def _current(self) -> LimitTable:
        if self._read_at + FRESH_SECONDS > self._now():
            return self._table
        if self._reading is None:
            self._reading = self._background.start("reads of limits", self._read(), awaited=True)
            self._reading.add_done_callback(self._forget_task)
        return await asyncio.shield(self._reading)

    def _forget_task(self, _: asyncio.Task[LimitTable]) -> None:
        self._reading = None

    async def _read(self) -> LimitTable:
        # The time before the read: a change after it must hold within a second.
        moment = self._now()
        try:
            self._table = await in_database(read_table, self._table)
        except DatabaseError as exc:
            _log.warning("limits are those of before", error=f"{type(exc).__name__}: {exc}")
            moment = self._now()  # a database that hangs must not be asked again at once
        self._read_at = moment
        return self._table

    async def _groups_of(self, user: int) -> frozenset[int]:
        moment, known = self._now(), self._groups.get(user)
        if known and known[0] + FRESH_SECONDS > moment:
            return known[1]
        try:
            groups = await in_database(_group_ids, user)
        except DatabaseError:
            return known[1] if known else frozenset()
        if len(self._groups) >= REMEMBERED:
            self._groups.clear()
        self._groups[user] = (moment, groups)
        return groups

    async def _makers_of(self, key: UUID) -> tuple[UUID, ...]:
        if (known := self._makers.get(key)) is not None:
            return known
        try:
            makers = await in_database(makers_of, key)
        except DatabaseError:
            return ()
        if len(self._makers) >= REMEMBERED:
            self._makers.clear()
        self._makers[key] = makers
        return makers


def _group_ids(user: int) -> frozenset[int]:
    rows = User.groups.through.objects.filter(user_id=user)
    return frozenset(rows.values_list("group_id", flat=True))


def read_table(held: LimitTable | None = None) -> LimitTable:
    """The limits in force; ``held`` itself where nothing can have changed since."""
    version = table_version(Limit.objects.all())
    if held and held.version == version:
        return held
    table: defaultdict[tuple[LimitScope, str], list[LimitTerms]] = defaultdict(list)
    for subject, terms in _terms():
        table[terms.scope, subject].append(terms)
    return LimitTable(version, dict(table))


def _terms() -> Iterator[tuple[str, LimitTerms]]:
    for row in Limit.objects.filter(enabled=True).order_by("pk").iterator(2_000):
        yield subject_of(row), terms_of(row)


def subject_of(row: Limit) -> str:
    """The subject that a row names; empty where it names none."""
    subjects: list[Any] = [row.group_id, row.user_id, row.key_id, row.end_user]
    return next((str(given) for given in subjects if given), EACH)


def terms_of(row: Limit) -> LimitTerms:
    """A row as its terms."""
    unit = LimitUnit(row.unit)
    return LimitTerms(
        id=row.pk,
        scope=LimitScope(row.scope),
        unit=unit,
        window=LimitWindow(row.window),
        amount=billionths(row.amount) if unit is LimitUnit.USD else int(row.amount),
        models=plain_names(row.model_names),
        downgrades=row.at_limit == Limit.AtLimit.DOWNGRADE,
    )
