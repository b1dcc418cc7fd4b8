"""Reindexing in the background: after a switch of the embedder stored answers get its vectors, by one worker of all.

A claim in Redis names the worker; each batch renews it, and a worker that dies leaves the rest to the next. After
each batch there is a pause as long as the batch took: questions of people go first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from conversations.adapters.answer_cache.reindex import Reindexer
from routing.common.tasks import Background
from routing.domain.errors import EmbedderUnavailable

_log = structlog.get_logger("assistant.reindex")

LOOK_SECONDS = 60.0
CLAIM_SECONDS = 300
"""Longer than a batch with its pause takes."""


class ReindexWorker:
    """``embedding`` names the vectors' maker and size. ``clock`` gives seconds."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        background: Background,
        reindexer: Reindexer,
        *,
        prefix: str,
        embedding: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._background, self._reindexer = client, background, reindexer
        self._key, self._embedding, self._clock = f"{prefix}:reindexed", embedding, clock
        self._done = False

    def start(self) -> None:
        """Look from now on, until no vector is missing."""
        self._background.every("reindex", self.look, seconds=LOOK_SECONDS)

    async def look(self) -> None:
        """Embed the missing questions, where no other worker does or did."""
        if self._done:
            return
        try:
            self._done = await self._client.get(self._key) == self._embedding.encode()
            claim = f"{self._key}:{self._embedding}"
            if not self._done and await self._client.set(claim, "0", nx=True, ex=CLAIM_SECONDS):
                try:
                    await self._work(claim)
                finally:
                    await self._client.delete(claim)
        except (RedisError, OSError, EmbedderUnavailable) as exc:
            _log.warning("answers are embedded again later", error=f"{type(exc).__name__}: {exc}")

    async def _work(self, claim: str) -> None:
        _log.info("stored answers are looked through", embedding=self._embedding)
        new, began = 0, self._clock()
        async with aclosing(self._reindexer.steps()) as steps:
            async for done in steps:
                new = done["new"]
                await self._client.set(claim, new, ex=CLAIM_SECONDS)
                await asyncio.sleep(self._clock() - began)
                began = self._clock()
        await self._client.set(self._key, self._embedding)
        self._done = True
        _log.info("stored answers are found by their meaning", embedded=new)
