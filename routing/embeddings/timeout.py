"""A provider's embeddings in bounded time: a slow or dead one costs an answer little or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from routing.domain.errors import EmbedderUnavailable, ProviderError, ProviderTimeout
from routing.embeddings.provider import Call
from routing.llm.failover.candidates import Failover


class PatientCall:
    """``call`` within ``seconds``, and not at all while the circuit of ``name`` is open.

    Raises ``EmbedderUnavailable``.
    """

    def __init__(self, name: str, call: Call, shared: Failover, *, seconds: float) -> None:
        self._name, self._call = name, call
        self._shared, self._seconds = shared, seconds

    async def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text."""
        permit = await self._shared.circuits.enter(self._name)
        if not permit.allowed:
            raise EmbedderUnavailable(f"{self._name} failed lately; it is given a moment")
        try:
            vectors = await self._in_time(texts)
        except ProviderError as error:
            await self._shared.report(permit, error)
            raise EmbedderUnavailable(str(error)) from error
        except BaseException:
            await self._shared.circuits.leave(permit, "released")
            raise
        await self._shared.report(permit, None)
        return vectors

    async def _in_time(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._call(texts)
        except TimeoutError as exc:
            raise ProviderTimeout(self._name, "total", self._seconds) from exc
