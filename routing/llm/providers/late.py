"""Lazy loading: LiteLLM takes seconds of CPU to import, so a thread imports it while others are served.

``LateModule`` stands for a module that imports LiteLLM. Callers on an event loop wait for ``loaded`` first;
all others, commands and threads, wait for the import at their first use of an attribute.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["litellm", "litellm_calls", "litellm_media", "litellm_request", "loaded", "loading"]
_PACKAGE = "routing.llm.providers"


class LateModule:
    """A module of this package that is imported when its first attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = f"{_PACKAGE}.{name}"
        self._module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            self._module = importlib.import_module(self._name)
        return getattr(self._module, name)


if TYPE_CHECKING:
    from routing.llm.providers import litellm, litellm_calls, litellm_media, litellm_request
else:
    litellm = LateModule("litellm")
    litellm_calls = LateModule("litellm_calls")
    litellm_media = LateModule("litellm_media")
    litellm_request = LateModule("litellm_request")


@lru_cache(maxsize=1)
def loading() -> Future[None]:
    """The import of LiteLLM in a thread of its own; the first call begins it."""
    return ThreadPoolExecutor(1, thread_name_prefix="litellm").submit(_load)


async def loaded() -> None:
    """Wait for LiteLLM. Raises what its import raised."""
    begun = loading()
    if not begun.done():
        # A caller that is cancelled must not cancel the import.
        await asyncio.shield(asyncio.wrap_future(begun))
    begun.result()


def _load() -> None:
    # Measured: garbage collection is a fifth of the import. Frozen, the imported objects are never scanned
    # again.
    gc.disable()
    try:
        importlib.import_module(f"{_PACKAGE}.litellm_calls")
    finally:
        gc.freeze()
        gc.enable()
