"""Rules of people: the published rules, cut down to what a person's groups allow, on every path that answers.

Groups and their policies are read from the database at most once a second on each worker. Without a
restriction a request costs a look into an empty table.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from django.db import Error as DatabaseError

from conversations.db.access import in_database
from conversations.storage.group_policies import PolicyTable, group_names, read_policies
from routing.common.tasks import Background
from routing.domain.access import Access, release_for
from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release
from routing.publishing.reader import RulesState, RuleStore

_log = structlog.get_logger("assistant.access")

FRESH_SECONDS = 0.9
"""With the read itself it is less than a second."""
REMEMBERED = 10_000
"""People whose groups are in memory, and sets of rights."""


class PersonalRules:
    """Implements the port ``Rules``. ``now`` is monotonic, in seconds.

    Without the database the last reading holds; of a person who is not known yet it says
    ``RulesUnavailable``, for a doubt must not open what is closed.
    """

    def __init__(
        self,
        store: RuleStore,
        background: Background,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._background, self._now = store, background, now
        self._table: PolicyTable | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[PolicyTable] | None = None
        self._groups: dict[int, tuple[float, frozenset[str]]] = {}
        self._release: Release | None = None
        self._named: frozenset[str] = frozenset()
        self._cut: dict[Access, Release] = {}

    def state(self) -> RulesState:
        """How the last look at the published rules went."""
        return self._store.state()

    async def current(self) -> Release:
        """The release in force, whole. Raises ``RulesUnavailable``."""
        return await self._store.current()

    async def for_person(self, user: int) -> Release:
        """The release in force as it is for a person. Raises ``RulesUnavailable``."""
        release, table = await self._store.current(), await self._policies()
        if self._release is not release:
            self._release, self._named, self._cut = release, _named_groups(release), {}
        named = self._named
        if not (table.restricts or named):
            return release
        groups = await self._groups_of(user)
        return self._cut_release(release, table.access(groups & (named | table.groups)))

    def _cut_release(self, release: Release, access: Access) -> Release:
        """The same object for the same rights: what is built of rules is kept with them."""
        if self._release is not release:  # published while the groups were read
            return release_for(release, access)
        if len(self._cut) >= REMEMBERED:
            self._cut = {}
        if access not in self._cut:
            self._cut[access] = release_for(release, access)
        return self._cut[access]

    async def _policies(self) -> PolicyTable:
        if self._table and self._read_at + FRESH_SECONDS > self._now():
            return self._table
        if self._reading is None:
            self._reading = self._background.start("reads of groups", self._read(), awaited=True)
            self._reading.add_done_callback(self._forget_task)
        return await asyncio.shield(self._reading)

    def _forget_task(self, _: asyncio.Task[PolicyTable]) -> None:
        self._reading = None

    async def _read(self) -> PolicyTable:
        # The time before the read: a change after it must hold within a second.
        moment = self._now()
        try:
            self._table = await in_database(read_policies, self._table)
        except DatabaseError as exc:
            _log.warning("groups are those of before", error=f"{type(exc).__name__}: {exc}")
            if self._table is None:
                raise RulesUnavailable("the database does not say what groups may use") from exc
            moment = self._now()  # a database that hangs must not be asked again at once
        self._read_at = moment
        return self._table

    async def _groups_of(self, user: int) -> frozenset[str]:
        moment, known = self._now(), self._groups.get(user)
        if known and known[0] + FRESH_SECONDS > moment:
            return known[1]
        try:
            groups = await in_database(group_names, user)
        except DatabaseError as exc:
            if known is None:
                raise RulesUnavailable("the database does not say a person's groups") from exc
            moment, groups = self._now(), known[1]
        if len(self._groups) >= REMEMBERED:
            self._groups.clear()
        self._groups[user] = (moment, groups)
        return groups


def _named_groups(release: Release) -> frozenset[str]:
    """The groups that rules name."""
    sets = [release.live, *([release.trial] if release.trial else ())]
    return frozenset(name for rules in sets for rule in rules.rules for name in rule.groups)
