"""The calls of the Anthropic side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from routing.simulator import anthropic_chat
from routing.simulator.call import Call
from routing.simulator.errors import Rejection
from routing.simulator.serving import serve_chat

_LIMITS = {
    "requests": 4000,
    "tokens": 2_400_000,
    "input-tokens": 2_000_000,
    "output-tokens": 400_000,
}


def check_key(request: web.Request) -> None:
    """Any key will do, but there must be one, and a version beside it."""
    key = request.headers.get("x-api-key", "")
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not key.strip() and not bearer:
        raise Rejection(401, "x-api-key header is required")
    if "anthropic-version" not in request.headers:
        raise Rejection(400, "anthropic-version: header is required")


def headers(request_id: str) -> dict[str, str]:
    """Headers of every answer."""
    reset = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    limits = {
        f"anthropic-ratelimit-{name}-{part}": value
        for name, limit in _LIMITS.items()
        for part, value in (("limit", str(limit)), ("remaining", str(limit - 1)), ("reset", reset))
    }
    return {
        "request-id": request_id,
        "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
        **limits,
    }


async def _messages(call: Call) -> web.StreamResponse:
    return await serve_chat(call, anthropic_chat, anthropic_chat.read(call.body))


ROUTES = (("POST", "/v1/messages", "chat", _messages),)
