"""The least a relay can do: uvicorn takes the request, aiohttp asks the provider, the bytes go through.

``BENCH_PROVIDER`` is the provider's root.
"""

from __future__ import annotations

import os
from typing import Any

import aiohttp

_PROVIDER = os.environ.get("BENCH_PROVIDER", "")
_sessions: list[aiohttp.ClientSession] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    """ASGI."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["method"] == "GET":
        await _begin(send, 200, b"text/plain")
        await send({"type": "http.response.body", "body": b"ok"})
        return
    headers = {name: value for name, value in _headers(scope) if name in _PASSED}
    body = await _body(receive)
    url = _PROVIDER + scope["path"]
    async with _sessions[0].post(url, data=body, headers=headers) as response:
        await _begin(send, response.status, response.headers["content-type"].encode())
        async for read in response.content.iter_any():
            await send({"type": "http.response.body", "body": read, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


_PASSED = {"content-type", "authorization"}


def _headers(scope: Any) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in scope["headers"]]


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _begin(send: Any, status: int, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    _sessions.append(aiohttp.ClientSession(connector=connector, timeout=timeout))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _sessions.pop().close()
    await send({"type": "lifespan.shutdown.complete"})
