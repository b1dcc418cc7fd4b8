"""Embedding generator: vectors of texts from one model. Vectors of two models can't be compared, so no
other takes its place."""

from __future__ import annotations

from dataclasses import dataclass, field

from routing.domain.llm import (
    EmbeddingClient,
    EmbeddingInputs,
    Meter,
    RawVectors,
)
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover
from routing.llm.failover.whole_calls import first_result, metered

SHOWN_CHARS = 4_000
"""Characters of the inputs in a trace."""


@dataclass(frozen=True, slots=True)
class EmbeddingGenerator:
    """``failover`` is the process's; without it the model is called once."""

    client: EmbeddingClient
    failover: Failover = field(default_factory=Failover.plain)

    async def embed(
        self, inputs: EmbeddingInputs, model: ModelRef, meter: Meter, dimensions: int | None = None
    ) -> RawVectors:
        """One vector an input, in order. ``meter`` receives every attempt. Raises
        ``NoProviderAvailable``."""

        async def call(model: ModelRef) -> RawVectors:
            async with metered("embedding", model, shown_inputs(inputs), meter) as attempt:
                raw = await self.client.vectors(model, inputs, dimensions)
                attempt.usage = raw.usage
            return raw

        return (await first_result(self.failover, [model], call))[0]


def shown_inputs(inputs: EmbeddingInputs) -> str:
    """The beginning of the inputs, for a trace."""
    first = inputs[0] if isinstance(inputs[0], str) else f"{len(inputs[0])} token ids"
    more = f"\n… and {len(inputs) - 1} more" if len(inputs) > 1 else ""
    return first[:SHOWN_CHARS] + more
