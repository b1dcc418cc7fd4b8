"""The ASGI application: loads what is slow at boot, drains what runs at shutdown."""

from __future__ import annotations

import os
from typing import Any

import structlog
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
_django = get_asgi_application()

# After the apps are ready. LiteLLM takes seconds to import: now, not on the first request.
import routing.llm.client  # noqa: E402, F401
from conversations.bootstrap import container  # noqa: E402
from routing.errors import DependencyUnavailable  # noqa: E402

_log = structlog.get_logger("assistant.boot")


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Django for HTTP, and the lifespan protocol, which Django leaves out."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    await _django(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    house = container()
    try:
        house.embedder.warm()
    except DependencyUnavailable as exc:
        _log.error("no embedder: similar questions are not recognized", error=str(exc))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await house.aclose()
    container.cache_clear()
    await send({"type": "lifespan.shutdown.complete"})
