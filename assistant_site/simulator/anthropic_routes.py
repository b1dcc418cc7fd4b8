"""The calls of the Anthropic side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from assistant_site.simulator import anthropic_chat
from assistant_site.simulator.call import Call
from assistant_site.simulator.delivery import send_json
from assistant_site.simulator.errors import Rejection
from assistant_site.simulator.serving import serve_chat

_MODELS = ("claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5", "claude-haiku-4-5-20251001")
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


async def _count(call: Call) -> web.StreamResponse:
    ask = anthropic_chat.read(call.body, counting=True)
    return await send_json(call, {"input_tokens": ask.input_tokens})


async def _models(call: Call) -> web.StreamResponse:
    listed = [_model(name) for name in _MODELS]
    body = {
        "data": listed,
        "has_more": False,
        "first_id": listed[0]["id"],
        "last_id": listed[-1]["id"],
    }
    return await send_json(call, body)


async def _one_model(call: Call) -> web.StreamResponse:
    return await send_json(call, _model(call.request.match_info["model"]))


def _model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2025-09-29T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


ROUTES = (
    ("POST", "/v1/messages", "chat", _messages),
    ("POST", "/v1/messages/count_tokens", "count", _count),
    ("GET", "/v1/models", "models", _models),
    ("GET", "/v1/models/{model}", "models", _one_model),
)
