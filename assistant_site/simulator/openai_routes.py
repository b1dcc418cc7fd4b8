"""The calls of the OpenAI side."""

from __future__ import annotations

from aiohttp import web

from assistant_site.simulator import openai_chat, openai_media
from assistant_site.simulator.call import Call
from assistant_site.simulator.errors import Rejection
from assistant_site.simulator.serving import serve_chat

_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header "
    "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from "
    "https://platform.openai.com/account/api-keys."
)


def check_key(request: web.Request) -> None:
    """Any key will do, but there must be one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Rejection(401, _NO_KEY)


def headers(request_id: str) -> dict[str, str]:
    """Headers of every answer."""
    return {
        "x-request-id": request_id,
        "openai-organization": "org-simulated",
        "openai-processing-ms": "7",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-remaining-tokens": "1999950",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-reset-tokens": "1ms",
    }


async def _chat(call: Call) -> web.StreamResponse:
    return await serve_chat(call, openai_chat, openai_chat.read(call.body))


ROUTES = (
    ("POST", "/v1/chat/completions", "chat", _chat),
    ("POST", "/v1/images/generations", "image", openai_media.images),
    ("POST", "/v1/embeddings", "embedding", openai_media.embeddings),
    ("POST", "/v1/moderations", "moderation", openai_media.moderations),
    ("GET", "/v1/models", "models", openai_media.models),
    ("GET", "/v1/models/{model}", "models", openai_media.model),
)
