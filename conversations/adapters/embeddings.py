"""Embedding tool: the models that callers may have texts embedded by, published ones and the embedder of
the answer cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from conversations.domain.api_keys import ROUTED
from routing.domain.actions import ModelKind
from routing.domain.errors import EmbedderUnavailable, ModelUnknown, ProviderUnavailable
from routing.domain.llm import EmbeddingInputs, Meter, RawVectors, Usage
from routing.domain.rules import ModelRef, RuleSet
from routing.embeddings.batching import BatchingEmbedder
from routing.embeddings.choice import LOCAL_EMBEDDERS
from routing.embeddings.local import LocalEmbedder
from routing.llm.failover.candidates import Failover
from routing.llm.failover.embeddings import EmbeddingGenerator

PORTION = 256
"""Inputs of one request to a provider: a reply of thousands of vectors would hold the event loop."""
MAX_CHARS = 32_000
"""Characters of a text for the local model, which reads far fewer words."""
LOCAL_MODELS = {
    each.name: ModelRef(
        name=each.name,
        litellm_name=each.name,
        provider="local",
        kind=ModelKind.EMBEDDING,
        context_window=each.max_tokens,
        input_price=Decimal(0),
        output_price=Decimal(0),
    )
    for each in LOCAL_EMBEDDERS.values()
}
"""The models in this process."""
LOCAL = LOCAL_MODELS[LocalEmbedder.name]
"""The one by default."""


@dataclass(frozen=True, slots=True)
class _LocalClient:
    """The local embedder as a client of one model."""

    embedder: BatchingEmbedder

    async def vectors(
        self, model: ModelRef, inputs: EmbeddingInputs, dimensions: int | None = None
    ) -> RawVectors:
        texts = _texts(inputs)
        try:
            vectors = await self.embedder.embed_many(texts)
        except EmbedderUnavailable as exc:
            raise ProviderUnavailable(model.name, str(exc)) from exc
        tokens = sum(await asyncio.to_thread(self.embedder.count_tokens, texts))
        return RawVectors(vectors, Usage(tokens, cost_usd=Decimal(0)))

    def takes_dimensions(self, model: ModelRef, dimensions: int) -> bool:
        return dimensions == self.embedder.dimensions


class EmbeddingTool:
    """``generator`` asks providers. ``own`` is the configured model, one of ``LOCAL_MODELS`` with ``local`` as
    its embedder."""

    def __init__(
        self, generator: EmbeddingGenerator, own: ModelRef, local: BatchingEmbedder | None
    ) -> None:
        self._generator, self._own, self._embedder = generator, own, local
        self._local = local and EmbeddingGenerator(_LocalClient(local), Failover.plain())

    def offered(self, rules: RuleSet) -> Sequence[ModelRef]:
        """The published models of the kind, else the configured one."""
        published = [model for model in rules.models if model.kind is ModelKind.EMBEDDING]
        if published:
            return published
        return [self._own] if rules.may_answer(self._own.name) else []

    def model(self, rules: RuleSet, name: str) -> ModelRef:
        """The model of that name; empty stands for the first. Raises ``ModelUnknown``."""
        offered = self.offered(rules)
        named = rules.model(name) if name else next(iter(offered), None)
        found = next((model for model in offered if model == named or model.name == name), None)
        if found is None:
            raise ModelUnknown(name or ROUTED, "No model that embeds has this name.")
        return found

    async def too_long(self, model: ModelRef, inputs: EmbeddingInputs) -> int | None:
        """The place of the first input that the local model would not read to its end; of other models
        the provider knows."""
        if not (self._embedder and self.is_local(model)):
            return None
        texts = _texts(inputs)
        longest = next((at for at, text in enumerate(texts) if len(text) > MAX_CHARS), None)
        if longest is not None:
            return longest
        counts = await asyncio.to_thread(self._embedder.count_tokens, texts)
        most = self._embedder.max_tokens
        return next((at for at, count in enumerate(counts) if count > most), None)

    def is_local(self, model: ModelRef) -> bool:
        """Whether the model is the one in this process."""
        return model in LOCAL_MODELS.values()

    def takes_dimensions(self, model: ModelRef, dimensions: int) -> bool:
        """Whether the model's vectors may be of this length."""
        client = self._generator_of(model).client
        return client.takes_dimensions(model, dimensions)

    async def embed(
        self, model: ModelRef, inputs: EmbeddingInputs, meter: Meter, dimensions: int | None
    ) -> RawVectors:
        """One vector an input, in order. Raises ``NoProviderAvailable``."""
        generator = self._generator_of(model)
        vectors: list[Sequence[float]] = []
        usage = Usage()
        for start in range(0, len(inputs), PORTION):
            portion = inputs[start : start + PORTION]
            part = await generator.embed(portion, model, meter, dimensions)
            vectors += part.vectors
            usage += part.usage
        return RawVectors(vectors, usage)

    def _generator_of(self, model: ModelRef) -> EmbeddingGenerator:
        return self._local if self._local and self.is_local(model) else self._generator


def _texts(inputs: EmbeddingInputs) -> list[str]:
    return [each for each in inputs if isinstance(each, str)]
