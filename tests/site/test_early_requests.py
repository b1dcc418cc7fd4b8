"""Requests that come while LiteLLM is still being imported."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.services


class Handler:
    """Stands for Django: notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def accepts(self, _: dict[str, Any]) -> bool:
        return False

    async def __call__(self, scope: dict[str, Any], *_: Any) -> None:
        self.asked.append(f"{scope['method']} {scope['path']}")


async def test_health_and_pages_do_not_wait_for_the_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not at the top: the application refuses the key that all tests begin with.
    asgi = importlib.import_module("assistant_site.asgi")
    handler = Handler()
    monkeypatch.setattr(asgi, "_site", handler)
    monkeypatch.setattr(asgi, "_fast_path", handler)
    boot = asyncio.get_running_loop().create_future()

    def ask(method: str, path: str) -> asyncio.Future[Any]:
        scope = {"type": "http", "method": method, "path": path, "state": {"boot": boot}}
        request: asyncio.Future[Any] = asyncio.ensure_future(asgi.application(scope, None, None))
        return request

    early = [
        "GET /healthz",
        "GET /",
        "HEAD /admin/",
        "GET /admin/routing/rule/",
        "GET /static/a.js",
    ]
    late = [
        "GET /readyz",
        "POST /admin/routing/rule/add/",
        "POST /api/v1/messages/",
        "GET /v1/models",
    ]
    waiting = [ask(*request.split()) for request in (*early, *late)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert handler.asked == early

    boot.set_result(None)
    await asyncio.gather(*waiting)
    assert sorted(handler.asked) == sorted([*early, *late])


def test_the_database_is_prepared_without_the_engine() -> None:
    program = (
        "import sys\n"
        "from assistant_site.launcher import prepare\n"
        "prepare.set_up_without_pages()\n"
        "heavy = ('langgraph', 'langsmith', 'litellm', 'numpy', 'redisvl', 'onnxruntime')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    told = {**os.environ, "DJANGO_SETTINGS_MODULE": "assistant_site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=told, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
