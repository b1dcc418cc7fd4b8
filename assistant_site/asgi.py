"""ASGI application: builds the container at startup, drains the running answers at shutdown.

LiteLLM takes seconds to import. A thread does it from the start of serving on, and the process
answers meanwhile: what needs a model waits for the import where the model is asked, ``/readyz`` for all.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from types import FrameType
from typing import Any

import django
import structlog
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
gc.disable()  # a tenth of the imports below; on again with LiteLLM
django.setup(set_prefix=False)

# After the apps are ready; Django itself would import its URLs on the first request.
import assistant_site.urls  # noqa: E402, F401
from assistant_site.checks import (  # noqa: E402
    doubts,
    refuse_missing_embedder,
    refuse_nobodys_key,
    refuse_wrong_redis_url,
)
from assistant_site.http.handlers import FastPathHandler, SiteHandler  # noqa: E402
from conversations.bootstrap import Container, container  # noqa: E402
from routing.domain.errors import DependencyUnavailable  # noqa: E402
from routing.embeddings.port import Embedder  # noqa: E402
from routing.llm.providers.late import loaded  # noqa: E402

GC_THRESHOLD = 20_000
"""Threshold of the youngest generation, in objects. With Python's 700 the collector would run several
times an answer and find nothing: reference counts free the objects of an answer."""

_site, _fast_path = SiteHandler(), FastPathHandler()
_log = structlog.get_logger("assistant.boot")


refuse_nobodys_key()
refuse_wrong_redis_url(settings.REDIS_URL)
refuse_missing_embedder(settings.EMBEDDING_MODEL)
for doubt in doubts():
    _log.warning("setting in doubt", detail=doubt)


gc.set_threshold(GC_THRESHOLD, 20, 50)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Django for HTTP, and the lifespan protocol, which Django leaves out."""
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
        return
    boot: asyncio.Task[None] | None = scope.get("state", {}).get("boot")
    if boot is not None and not boot.done() and scope["path"] == "/readyz":
        await asyncio.shield(boot)
    handler = _fast_path if _fast_path.accepts(scope) else _site
    await handler(scope, receive, send)


async def _lifespan(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    boot = scope["state"]["boot"] = asyncio.create_task(_boot(), name="boot")
    await asyncio.sleep(0)  # the first step of the boot: no request may find another container
    if multiprocessing.parent_process():
        # Several workers share one port: an early request must reach a worker that is ready.
        await asyncio.wait([boot])
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.gather(boot, return_exceptions=True)
    if not boot.exception():
        await container().aclose()
    container.cache_clear()
    await send({"type": "lifespan.shutdown.complete"})


def _drain_at_signals(built: Container) -> None:
    # Start to drain at the signal. uvicorn's shutdown event comes too late: it waits for all
    # connections to close, and streams close only when their runs end.
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def drain(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(built.runs.begin_drain, settings.DRAIN_SECONDS)
        before = handlers[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    for number in handlers:
        signal.signal(number, drain)


async def _boot() -> None:
    """Build the container, start its background work, load LiteLLM. If that fails, the process ends."""
    try:
        built = container()
        built.start_workers()
        _drain_at_signals(built)
        await asyncio.gather(loaded(), _warm(built.embedder))
    except Exception:
        _log.exception("the service cannot start")
        signal.raise_signal(signal.SIGTERM)
        raise


async def _warm(embedder: Embedder) -> None:
    try:
        await asyncio.to_thread(embedder.warm)
    except DependencyUnavailable as exc:
        _log.error("no embedder: similar questions are not recognized", error=str(exc))
