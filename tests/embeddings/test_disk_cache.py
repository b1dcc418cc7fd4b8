"""A text is embedded once; what was embedded before a failure stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from routing.domain.errors import EmbedderUnavailable
from routing.domain.llm import Meter
from routing.embeddings.disk_cache import cached_vectors


class Counting:
    """Gives a text's length as its vector, until a text it can't embed."""

    name = "counting"
    dimensions = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def warm(self) -> None: ...

    def reads(self, text: str) -> bool:
        return True

    async def embed(self, text: str, meter: Meter | None = None) -> Sequence[float]:
        return (await self.embed_many([text]))[0]

    async def embed_many(
        self, texts: Sequence[str], meter: Meter | None = None
    ) -> list[Sequence[float]]:
        if any("bad" in text for text in texts):
            raise EmbedderUnavailable("bad")
        self.asked += texts
        return [(float(len(text)), 1.0) for text in texts]

    def close(self) -> None: ...


async def test_a_text_is_embedded_once_and_comes_back_in_its_place(tmp_path: Path) -> None:
    embedder, heard = Counting(), list[int]()
    texts = ["ccc", "a", "bb", "a"]
    for _ in range(2):
        found = await cached_vectors(embedder, tmp_path, texts, heard.append)
        assert np.array_equal(found[:, 0], [3, 1, 2, 1])
    assert sorted(embedder.asked) == ["a", "bb", "ccc"]
    assert heard == [0, 3, 3]


async def test_what_was_done_before_a_failure_stays(tmp_path: Path) -> None:
    embedder = Counting()
    texts = [f"{at:03}" for at in range(64)] + ["bad text, and long"]
    with pytest.raises(EmbedderUnavailable):
        await cached_vectors(embedder, tmp_path, texts, lambda _: None)
    assert len(await cached_vectors(embedder, tmp_path, texts[:64], lambda _: None)) == 64
    assert len(embedder.asked) == 64
