"""Registry: the embedders that run in this process, by the value of ``EMBEDDING_MODEL`` that names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from routing.embeddings.batching import BatchingEmbedder
from routing.embeddings.local import LocalEmbedder
from routing.embeddings.multilingual import MultilingualEmbedder

DEFAULT = "local"
LOCAL_EMBEDDERS: Mapping[str, type[BatchingEmbedder]] = {
    DEFAULT: LocalEmbedder,
    "local-multilingual": MultilingualEmbedder,
}


def local_embedder(name: str, data_dir: Path) -> BatchingEmbedder | None:
    """The one of that name; ``None`` for a provider's model. Nothing is loaded yet."""
    found = LOCAL_EMBEDDERS.get(name)
    return found(data_dir) if found else None


def offline_embedder(name: str, data_dir: Path) -> BatchingEmbedder:
    """The one that commands train and measure with: the default for a provider's, whose vectors cost money."""
    return LOCAL_EMBEDDERS.get(name, LOCAL_EMBEDDERS[DEFAULT])(data_dir)
