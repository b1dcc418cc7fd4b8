"""The provider's embedder with a provider of our own making."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from routing.domain.errors import EmbedderUnavailable, ProviderUnavailable
from routing.domain.llm import Attempt, Meter
from routing.embeddings.port import Embedder
from routing.embeddings.provider import ProviderEmbedder


def unmetered(_: Attempt) -> None:
    """Nobody pays."""


class Provider:
    """Answers with ``answer``, or with as many of its vectors as there are texts."""

    def __init__(self, answer: Sequence[Sequence[float]] | Exception) -> None:
        self.answer = answer
        self.sizes: list[int] = []

    async def __call__(self, texts: Sequence[str], _: Meter) -> Sequence[Sequence[float]]:
        self.sizes.append(len(texts))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_scales_to_unit_length() -> None:
    port: Embedder = ProviderEmbedder(
        "text-embedding-3-small", 2, Provider([[3.0, 4.0]]), unmetered
    )
    assert await port.embed("x") == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("text-embedding-3-small", "text-embedding-3-small"),
        ("azure/My Deployment:v1", "azure-my-deployment-v1"),
    ],
)
def test_the_name_is_safe_for_an_index(given: str, safe: str) -> None:
    assert ProviderEmbedder(given, 2, Provider([]), unmetered).name == safe


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [[1.0, 2.0, 3.0]],
        [[1.0, 2.0], [1.0, 2.0]],
        [[0.0, 0.0]],
        [[float("nan"), 1.0]],
        [[float("inf"), 1.0]],
        [[1.0, 2.0], [1.0]],
    ],
)
async def test_a_wrong_answer_is_no_embedding(answer: list[list[float]]) -> None:
    with pytest.raises(EmbedderUnavailable):
        await ProviderEmbedder("model", 2, Provider(answer), unmetered).embed("x")


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("model", "no connection"), TimeoutError(), OSError("cut")]
)
async def test_every_failure_is_the_same_to_the_caller(error: Exception) -> None:
    with pytest.raises(EmbedderUnavailable) as caught:
        await ProviderEmbedder("model", 2, Provider(error), unmetered).embed("x")
    assert caught.value.__cause__ is error


async def test_many_texts_go_in_portions_and_come_in_order() -> None:
    async def call(texts: Sequence[str], _: Meter) -> list[list[float]]:
        sizes.append(len(texts))
        return [[1.0, float(text)] for text in texts]

    sizes: list[int] = []
    vectors = await ProviderEmbedder("model", 2, call, unmetered).embed_many(
        [str(n) for n in range(130)]
    )
    assert sizes == [64, 64, 2]
    assert [round(second / first) for first, second in vectors] == list(range(130))


async def test_no_texts_need_no_call() -> None:
    provider = Provider([])
    assert await ProviderEmbedder("model", 2, provider, unmetered).embed_many([]) == []
    assert provider.sizes == []
