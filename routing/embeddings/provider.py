"""Provider embedder: vectors from a provider's API in bounded time, behind the same port."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from routing.domain.errors import EmbedderUnavailable, ProviderError, ProviderTimeout
from routing.llm.failover.candidates import Failover

Call = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]

# Well under every provider's limit of inputs a request.
PORTION = 64


class ProviderEmbedder:
    """Asks ``call`` for vectors, checks them and makes them unit length.

    ``call`` gets at most ``PORTION`` texts and answers with a vector for each, in order; its own
    time-outs bound the wait. ``dimensions`` is those of the index.
    """

    def __init__(self, name: str, dimensions: int, call: Call) -> None:
        self.name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        self.dimensions = dimensions
        self._call = call

    def warm(self) -> None:
        """There is nothing to load."""

    def reads(self, text: str) -> bool:
        """Any text: providers' models are multilingual."""
        return True

    async def embed(self, text: str) -> Sequence[float]:
        """One vector of unit length. Raises ``EmbedderUnavailable``."""
        (vector,) = await self.embed_many([text])
        return vector

    async def embed_many(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector a text, in order; all or nothing. Raises ``EmbedderUnavailable``."""
        vectors: list[Sequence[float]] = []
        for start in range(0, len(texts), PORTION):
            vectors += await self._portion(texts[start : start + PORTION])
        return vectors

    def close(self) -> None:
        """There is nothing to give up: the connection belongs to ``call``."""

    async def _portion(self, texts: Sequence[str]) -> list[Sequence[float]]:
        try:
            return self._checked(await self._call(texts), len(texts))
        except EmbedderUnavailable:
            raise
        except Exception as exc:  # whatever a vendor's client raises, the answer goes on
            raise EmbedderUnavailable(f"{self.name}: {exc}") from exc

    def _checked(self, answer: Sequence[Sequence[float]], count: int) -> list[Sequence[float]]:
        vectors = np.asarray(answer, np.float64)
        if vectors.shape != (count, self.dimensions):
            raise EmbedderUnavailable(
                f"{self.name}: expected {count} vectors of {self.dimensions} numbers,"
                f" got the shape {vectors.shape}"
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths) & (lengths > 0)):
            raise EmbedderUnavailable(f"{self.name}: a vector has no direction")
        return list((vectors / lengths).tolist())


class CallWithTimeout:
    """Time-out and circuit breaker: ``call`` within ``seconds``, not while ``name``'s is open.

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
            async with self._shared.settled(permit):
                return await self._in_time(texts)
        except ProviderError as error:
            raise EmbedderUnavailable(str(error)) from error

    async def _in_time(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._call(texts)
        except TimeoutError as exc:
            raise ProviderTimeout(self._name, "total", self._seconds) from exc
