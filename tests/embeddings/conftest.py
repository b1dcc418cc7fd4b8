"""The real model, built once a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.embeddings.local import LocalEmbedder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose graph is built by whoever comes first."""
    return tmp_path_factory.mktemp("embeddings")


@pytest.fixture(scope="session")
def embedder(data_dir: Path) -> Iterator[LocalEmbedder]:
    """A warm embedder."""
    local = LocalEmbedder(data_dir)
    local.warm()
    yield local
    local.close()
