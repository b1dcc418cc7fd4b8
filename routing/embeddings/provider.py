"""Provider embedder: vectors from a provider's API in bounded time, behind the same port."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from routing.domain.errors import EmbedderUnavailable, ProviderError
from routing.domain.llm import EmbeddingClient, Meter
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover
from routing.llm.failover.embeddings import shown_inputs
from routing.llm.failover.whole_calls import metered

Call = Callable[[Sequence[str], Meter], Awaitable[Sequence[Sequence[float]]]]

# Well under every provider's limit of inputs a request.
PORTION = 64


class ProviderEmbedder:
    """Asks ``call`` for vectors, checks them and makes them unit length.

    ``call`` gets at most ``PORTION`` texts and answers with a vector for each, in order; its own
    time-outs bound the wait. ``dimensions`` is those of the index. ``meter`` gets the calls of callers
    that have none themselves.
    """

    def __init__(self, name: str, dimensions: int, call: Call, meter: Meter) -> None:
        self.name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        self.dimensions = dimensions
        self._call, self._meter = call, meter

    def warm(self) -> None:
        """There is nothing to load."""

    def reads(self, text: str) -> bool:
        """Any text: providers' models are multilingual."""
        return True

    async def embed(self, text: str, meter: Meter | None = None, /) -> Sequence[float]:
        """One vector of unit length. Raises ``EmbedderUnavailable``."""
        (vector,) = await self._portion([text], meter or self._meter)
        return vector

    async def embed_many(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector a text, in order; all or nothing. Raises ``EmbedderUnavailable``."""
        vectors: list[Sequence[float]] = []
        for start in range(0, len(texts), PORTION):
            vectors += await self._portion(texts[start : start + PORTION], self._meter)
        return vectors

    def close(self) -> None:
        """There is nothing to give up: the connection belongs to ``call``."""

    async def _portion(self, texts: Sequence[str], meter: Meter) -> list[Sequence[float]]:
        try:
            return self._checked(await self._call(texts, meter), len(texts))
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


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """Circuit breaker and meter: one call of ``model`` within its time, not while its circuit is open.

    Raises ``EmbedderUnavailable``.
    """

    client: EmbeddingClient
    model: ModelRef
    dimensions: int
    shared: Failover

    async def __call__(self, texts: Sequence[str], meter: Meter) -> Sequence[Sequence[float]]:
        """One vector a text."""
        await self.shared.ready()
        permit = await self.shared.circuits.enter(self.model.name)
        if not permit.allowed:
            raise EmbedderUnavailable(f"{self.model.name} failed lately; it is given a moment")
        shown = shown_inputs(texts)
        try:
            async with (
                self.shared.settled(permit),
                metered("embedding", self.model, shown, meter) as attempt,
            ):
                raw = await self.client.vectors(self.model, texts, self.dimensions)
                attempt.usage = raw.usage
                return raw.vectors
        except ProviderError as error:
            raise EmbedderUnavailable(str(error)) from error
