"""Disk cache: vectors by the text's digest, so that a file is embedded once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from routing.embeddings.port import Embedder

Item = TypeVar("Item")

_PORTION = 64
_QUERY_DIGESTS = 500


async def cached_vectors(
    embedder: Embedder, folder: Path, texts: Sequence[str], progress: Callable[[int], None]
) -> NDArray[np.float32]:
    """Unit vectors, [texts, dimensions]. ``progress`` gets the number of texts done.

    Raises ``EmbedderUnavailable``, ``OSError`` and ``sqlite3.Error``; finished portions stay.
    """
    digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in texts]
    with closing(_store(folder, f"{embedder.name}-{embedder.dimensions}")) as store:
        cached = _read(store, digests)
        missing = {d: text for d, text in zip(digests, texts, strict=True) if d not in cached}
        progress(len(cached))
        # texts of like length share a batch
        queue = sorted(missing.items(), key=lambda item: len(item[1]))
        for portion in _portions(queue, _PORTION):
            vectors = await embedder.embed_many([text for _, text in portion])
            rows = {
                digest: np.asarray(vector, "<f4").tobytes()
                for (digest, _), vector in zip(portion, vectors, strict=True)
            }
            # Committed portion by portion: an interrupted run loses one of them.
            with store:
                store.executemany("insert or replace into vectors values (?, ?)", rows.items())
            cached |= rows
            progress(len(cached))
    data = b"".join(cached[digest] for digest in digests)
    return np.frombuffer(data, "<f4").reshape(len(texts), embedder.dimensions).astype(np.float32)


def _store(folder: Path, name: str) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(folder / f"{name}.sqlite3")
    store.execute("create table if not exists vectors (digest blob primary key, vector blob)")
    return store


def _read(store: sqlite3.Connection, digests: Sequence[bytes]) -> dict[bytes, bytes]:
    rows: dict[bytes, bytes] = {}
    for portion in _portions(list(dict.fromkeys(digests)), _QUERY_DIGESTS):
        marks = ",".join("?" * len(portion))
        query = f"select digest, vector from vectors where digest in ({marks})"  # noqa: S608 - marks only
        rows |= dict(store.execute(query, portion))
    return rows


def _portions(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
