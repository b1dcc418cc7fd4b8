"""Port of the embedders: the one Protocol that callers annotate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from routing.domain.llm import Meter


class Embedder(Protocol):
    """Text to vectors of unit length, so that a dot product is the cosine."""

    @property
    def name(self) -> str:
        """Model name, safe for an index name."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def warm(self) -> None:
        """Load the model at boot, before the first request. Raises ``EmbedderUnavailable``."""
        ...

    def reads(self, text: str) -> bool:
        """Whether the model can tell this text from others by its meaning. Quick: runs on the loop."""
        ...

    async def embed(self, text: str, meter: Meter | None = None, /) -> Sequence[float]:
        """One vector. ``meter`` gets the call to a provider; without it the embedder's own does. Raises
        ``EmbedderUnavailable``."""
        ...

    async def embed_many(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector a text, in order; all or nothing. Raises ``EmbedderUnavailable``."""
        ...

    def close(self) -> None:
        """Free threads and memory; embedding afterwards raises ``EmbedderUnavailable``."""
        ...
