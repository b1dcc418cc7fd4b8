"""Embedders: ``python -m benchmarks.embedders`` times a question and an answer by each model in this process.

Processor time, whatever else the machine does, in rounds that alternate; the ratio is to the default's.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from routing.embeddings.batching import BatchingEmbedder
from routing.embeddings.choice import DEFAULT, LOCAL_EMBEDDERS

ROUNDS = 15
TEXTS = {
    "question": "How do I reset the password of my account? ({})",
    "answer": "({}) " + "Open the settings, choose the account and follow the link. " * 10,
}


async def _milliseconds(embedder: BatchingEmbedder, text: str) -> float:
    began = time.process_time()
    await embedder.embed(text)
    return (time.process_time() - began) * 1e3


async def _measure(embedders: dict[str, BatchingEmbedder]) -> None:
    for kind, text in TEXTS.items():
        spent: dict[str, list[float]] = {name: [] for name in embedders}
        for number in range(ROUNDS):
            for name, embedder in embedders.items():
                spent[name].append(await _milliseconds(embedder, text.format(number)))
        usual = {name: statistics.median(each) for name, each in spent.items()}
        for name, each in usual.items():
            print(f"{kind:9} {name:20} {each:6.1f} ms  ratio {each / usual[DEFAULT]:.1f}")


def main() -> None:
    """Print a line for each kind of text and embedder."""
    with tempfile.TemporaryDirectory() as folder:
        embedders = {name: each(Path(folder)) for name, each in LOCAL_EMBEDDERS.items()}
        for embedder in embedders.values():
            embedder.warm()
        asyncio.run(_measure(embedders))
        for embedder in embedders.values():
            embedder.close()


if __name__ == "__main__":
    main()
