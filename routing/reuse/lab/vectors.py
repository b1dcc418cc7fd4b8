"""The local embedder's vectors for a command: a bar on the screen, and a store in the data folder."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from routing.embeddings.disk_cache import kept_vectors
from routing.embeddings.local import LocalEmbedder


def embed_shown(texts: Sequence[str], data_dir: Path) -> NDArray[np.float32]:
    """Unit vectors of all texts. Raises what ``kept_vectors`` does."""
    columns = TextColumn("Embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    embedder = LocalEmbedder(data_dir)
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=len(set(texts)))
            return asyncio.run(
                kept_vectors(
                    embedder,
                    data_dir / "vectors",
                    texts,
                    lambda done: progress.update(task, completed=done),
                )
            )
    finally:
        embedder.close()
