"""The configured embedder, for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from django.conf import settings

from routing.embeddings.choice import local_embedder
from routing.embeddings.port import Embedder


@asynccontextmanager
async def configured_embedder() -> AsyncIterator[Embedder]:
    """One of a provider needs LiteLLM, which takes seconds to import."""
    if local := local_embedder(settings.EMBEDDING_MODEL, Path(settings.DATA_DIR)):
        try:
            yield local
        finally:
            local.close()
        return
    from conversations.bootstrap import evaluation_container  # noqa: PLC0415

    async with evaluation_container() as container:
        yield container.embedder
