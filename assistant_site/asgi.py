"""The ASGI application: loads what is slow at boot, drains what runs at shutdown.

LiteLLM takes seconds to import. It is imported by a thread as soon as this module is there, so that the
process answers ``/healthz`` meanwhile; every other request that comes that early waits for it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import django
import structlog
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
django.setup(set_prefix=False)

# After the apps are ready; Django itself would import its URLs on the first request.
import assistant_site.urls  # noqa: E402, F401
from assistant_site.checks import refuse_nobodys_key, refuse_wrong_redis_url  # noqa: E402
from assistant_site.http.fast_path import ShortWay  # noqa: E402
from assistant_site.http.handler import SiteHandler  # noqa: E402
from conversations.bootstrap import Container, container  # noqa: E402
from routing.domain.errors import DependencyUnavailable  # noqa: E402

GARBAGE_EVERY = 20_000
"""Objects made, less those gone, until the youngest are searched for garbage. By Python's 700 that
happens several times an answer, for nothing: what an answer is made of is freed by its count."""

_django, _short_way = SiteHandler(), ShortWay()
_log = structlog.get_logger("assistant.boot")


refuse_nobodys_key()
refuse_wrong_redis_url()


def _import_models() -> None:
    # Measured: collecting garbage meanwhile is a fifth of LiteLLM's import, and what was imported
    # would be scanned again and again for as long as the site runs.
    gc.disable()
    try:
        importlib.import_module("routing.llm.providers.client")
    finally:
        gc.freeze()
        gc.set_threshold(GARBAGE_EVERY, 20, 50)
        gc.enable()


_models = ThreadPoolExecutor(1, thread_name_prefix="boot").submit(_import_models)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Django for HTTP, and the lifespan protocol, which Django leaves out."""
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
        return
    boot: asyncio.Task[None] | None = scope.get("state", {}).get("boot")
    if boot is not None and not boot.done() and scope["path"] != "/healthz":
        await asyncio.shield(boot)
    way = _short_way if _short_way.takes(scope) else _django
    await way(scope, receive, send)


async def _lifespan(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    boot = scope["state"]["boot"] = asyncio.create_task(_boot(), name="boot")
    if multiprocessing.parent_process():
        # Behind one port with others: whoever comes early is served by a worker that is ready.
        await asyncio.wait([boot])
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.gather(boot, return_exceptions=True)
    if not boot.exception():
        await container().aclose()
    container.cache_clear()
    await send({"type": "lifespan.shutdown.complete"})


def _drain_at_signals(house: Container) -> None:
    """Begin to drain with the signal: uvicorn reports the end only when all connections are closed,
    and streams close when their runs end."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def drain(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(house.runs.begin_drain, settings.DRAIN_SECONDS)
        before = handlers[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    for number in handlers:
        signal.signal(number, drain)


async def _boot() -> None:
    """Build this process's house. Without one the process ends: it could answer nothing."""
    try:
        await asyncio.wrap_future(_models)
        house = container()
    except Exception:
        _log.exception("the service cannot start")
        signal.raise_signal(signal.SIGTERM)
        raise
    house.runs.watch()
    house.outbox_worker.start()
    house.stats_worker.start()
    _drain_at_signals(house)
    try:
        await asyncio.to_thread(house.embedder.warm)
    except DependencyUnavailable as exc:
        _log.error("no embedder: similar questions are not recognized", error=str(exc))
