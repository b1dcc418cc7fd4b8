"""What people's verdicts and deletions change in Redis and in the traces.

The database is right, and asked before a stored answer is served; Redis follows. A verdict is told
to the cache as the entry's whole count, read from the database, so telling it twice changes
nothing. What Redis could not be told is told when it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog

from conversations import selectors
from conversations.adapters.answer_cache import RedisAnswerCache
from conversations.adapters.entry_ids import EntryIds
from conversations.adapters.memory import RedisMemory
from conversations.engine.ports import Tracer
from conversations.models import Message
from conversations.runs.database import in_database
from conversations.runs.log import RunLog
from routing.errors import DependencyUnavailable

_log = structlog.get_logger("assistant.learning")

RETRY_SECONDS = 2.0


class Learning:
    """Carries feedback and deletions to where answers come from."""

    def __init__(
        self,
        cache: RedisAnswerCache,
        memory: RedisMemory,
        log: RunLog,
        tracer: Tracer,
        ids: EntryIds,
    ) -> None:
        self._ids = ids
        self._cache, self._memory, self._log, self._tracer = cache, memory, log, tracer
        self._untold: set[UUID] = set()
        self._undeleted: set[UUID] = set()
        self._forgotten: set[UUID] = set()
        self._retrying: asyncio.Task[None] | None = None

    async def judged(self, answer: Message, *, verdict: str | None, comment: str = "") -> None:
        """A verdict on an answer was given, changed or (``None``) taken back."""
        if answer.cache_entry:
            self._untold.add(answer.cache_entry)
        else:
            self._untold.update(self._ids.both(answer.id))
        self._tracer.score(answer.trace_id, message=answer.id, verdict=verdict, comment=comment)
        await self._settle()

    async def deleted(self, conversation: UUID, answers: Sequence[UUID]) -> None:
        """A conversation is gone: so are its memory, its logs and the answers kept from it."""
        self._forgotten.add(conversation)
        self._undeleted.update(answers)
        await self._settle()

    async def aclose(self) -> None:
        """Stop retrying."""
        if self._retrying:
            self._retrying.cancel()
            await asyncio.gather(self._retrying, return_exceptions=True)

    async def _settle(self) -> None:
        try:
            await self._tell()
        except DependencyUnavailable as exc:
            _log.warning("verdicts wait for Redis", error=str(exc))
            if self._retrying is None or self._retrying.done():
                self._retrying = asyncio.create_task(self._retry(), name="learning retry")

    async def _retry(self) -> None:
        while self._untold or self._undeleted or self._forgotten:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                await self._tell()
            except DependencyUnavailable:
                continue

    async def _tell(self) -> None:
        for conversation in _each(self._forgotten):
            await self._memory.forget(conversation)
            self._forgotten.discard(conversation)
        if gone := list(self._undeleted):
            await self._cache.forget([entry for answer in gone for entry in self._ids.both(answer)])
            await self._log.forget(gone)
            self._undeleted.difference_update(gone)
        for entry in _each(self._untold):
            good, bad = await in_database(
                selectors.entry_verdicts, entry=entry, source=self._ids.message(entry)
            )
            await self._cache.judge(entry, good=good, bad=bad)
            self._untold.discard(entry)


def _each(pending: Iterable[UUID]) -> list[UUID]:
    """A copy to walk through while the set shrinks."""
    return list(pending)
