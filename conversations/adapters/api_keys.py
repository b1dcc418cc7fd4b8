"""Cache of API keys: the rights of a key, read from the database at most once a second on each worker.

So a revocation, an expiry or a changed scope holds everywhere within a second, also while Redis is away,
and a key in steady use costs one read a second, whatever its traffic.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.db import DatabaseError

from conversations.db.access import in_database, written
from conversations.domain.api_keys import NOT_VALID, Caller, key_digest
from conversations.domain.errors import TokenNotValid
from conversations.storage.api_keys import KeyRights, key_rights, record_uses
from routing.common.tasks import Background

FRESH_SECONDS = 0.9
"""How long a key's rights are taken as read; with the read itself it is less than a second."""
USES_SECONDS = 20.0
"""Between two writes of the times of last use."""
REMEMBERED = 10_000
"""Keys in memory, valid or not."""

Reading = tuple[float, KeyRights | None]
"""Monotonic time before the read, and its result."""


class APIKeyCache:
    """Looks callers up by their keys. ``now`` is monotonic, in seconds."""

    def __init__(
        self, background: Background, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._background, self._now = background, now
        self._readings: dict[str, Reading] = {}
        self._under_way: dict[str, asyncio.Task[Reading]] = {}
        self._uses: dict[UUID, datetime] = {}

    async def caller(self, key: str) -> Caller:
        """The caller of an async view. Raises ``TokenNotValid``."""
        digest = key_digest(key)
        reading = self._fresh(digest) or await self._read_once(digest)
        caller = self._admitted(reading)
        # Written behind: the request does not wait for its own trace.
        self._background.every("uses of keys", self._record, seconds=USES_SECONDS, last=True)
        return caller

    def caller_in_thread(self, key: str) -> Caller:
        """The same for a view that has a thread with a connection."""
        digest = key_digest(key)
        return self._admitted(self._fresh(digest) or self._keep(digest, self._read(digest)))

    def _fresh(self, digest: str) -> Reading | None:
        reading = self._readings.get(digest)
        return reading if reading and reading[0] + FRESH_SECONDS > self._now() else None

    async def _read_once(self, digest: str) -> Reading:
        """Read a key that many requests need at the same moment once for all of them."""
        task = self._under_way.get(digest)
        if task is None:
            work = in_database(self._read, digest)
            task = self._background.start("reads of keys", work, awaited=True)
            self._under_way[digest] = task
            task.add_done_callback(lambda _: self._under_way.pop(digest, None))
        return self._keep(digest, await asyncio.shield(task))

    def _read(self, digest: str) -> Reading:
        # The time before the read: a change after it must be seen within a second of the change.
        return self._now(), key_rights(digest)

    def _keep(self, digest: str, reading: Reading) -> Reading:
        if len(self._readings) >= REMEMBERED:
            self._readings.clear()
        self._readings[digest] = reading
        return reading

    def _admitted(self, reading: Reading) -> Caller:
        moment, (_, rights) = datetime.now(UTC), reading
        if rights is None or (rights.valid_until and rights.valid_until <= moment):
            raise TokenNotValid(NOT_VALID)
        if rights.caller.grant:
            self._uses[rights.caller.grant.key] = moment
        return rights.caller

    async def _record(self) -> None:
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await written(record_uses, uses)
        except DatabaseError:
            # Written with the next uses; a newer time wins.
            self._uses = uses | self._uses
