"""The real model, built once a session."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.embeddings import local
from routing.embeddings.local import LocalEmbedder


@pytest.fixture(autouse=True)
def _loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the graph as the service does; other tests share that of their process."""
    monkeypatch.setattr(local, "_session", inspect.unwrap(local._session))


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose graph is built by whoever comes first."""
    return tmp_path_factory.mktemp("embeddings")


@pytest.fixture(scope="session")
def embedder(data_dir: Path) -> Iterator[LocalEmbedder]:
    """A warm embedder."""
    warm = LocalEmbedder(data_dir)
    warm.warm()
    yield warm
    warm.close()
