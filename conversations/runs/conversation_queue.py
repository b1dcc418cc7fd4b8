"""Questions that wait for the answer before them in their conversation, instead of being turned away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from conversations.domain.errors import ConversationBusy, NotFound
from conversations.runs.follow import follow
from conversations.runs.registry import Runs

T = TypeVar("T")


class Turnstile:
    """Lets questions of one conversation through in the order they came to this worker, each when the
    answer before it has ended, after ``seconds`` at the latest. 0 lets nobody wait."""

    def __init__(self, runs: Runs, *, seconds: float) -> None:
        self._runs, self._seconds = runs, seconds
        self._queues: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def pass_through(
        self, user: int, conversation: UUID | None, begin: Callable[[], Awaitable[T]]
    ) -> T:
        """What ``begin`` returns as soon as it doesn't raise ``ConversationBusy``; raises that when it
        takes too long. Cancelled while it waits, it has begun nothing."""
        if conversation is None or not self._seconds:
            return await begin()
        deadline = asyncio.get_running_loop().time() + self._seconds
        queue = self._queues.setdefault(conversation, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline):
                await queue.acquire()
        except TimeoutError:
            return await begin()
        try:
            return await self._when_free(user, begin, deadline)
        finally:
            queue.release()

    async def _when_free(self, user: int, begin: Callable[[], Awaitable[T]], deadline: float) -> T:
        while True:
            try:
                return await begin()
            except ConversationBusy as busy:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                with suppress(TimeoutError, NotFound):
                    async with asyncio.timeout_at(deadline):
                        await self._ended(user, busy.running)

    async def _ended(self, user: int, message: UUID) -> None:
        """Return when that answer has ended, whichever worker writes it."""
        async with aclosing(follow(self._runs, user=user, message=message, origin="")) as events:
            async for _ in events:
                pass
