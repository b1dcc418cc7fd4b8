"""Anthropic's Messages API as published: routes, requests, answers and streams."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiohttp import web

from assistant_site.simulator.anthropic_checks import blocks_of, check, role_of
from assistant_site.simulator.anthropic_thinking import REDACTED, redacted_block, thinking_block
from assistant_site.simulator.call import Route, SimulatedCall
from assistant_site.simulator.chat import ChatReply, ChatRequest, ChatTurn, EventFrame, Provider
from assistant_site.simulator.delivery import send_json
from assistant_site.simulator.errors import Rejection, error_body
from assistant_site.simulator.tools import Tool, called_tool

_FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool": "tool_use",
}
provider: Provider = "anthropic"
opens_early = True
CHAT_PATH = "/v1/messages"
NOT_JSON = "The request body is not valid JSON: expected an object"


def read(body: Mapping[str, Any], *, counting: bool = False) -> ChatRequest:
    """The request; ``counting`` reads one for the token counter, which needs no limit. Raises
    ``Rejection`` as the API would."""
    check(body, counting=counting)
    tool = _called_tool(body)
    return ChatRequest(
        provider="anthropic",
        model=body["model"],
        system=_text(body.get("system") or ""),
        turns=tuple(
            ChatTurn(role_of(message), _text(message["content"]), _pictures(message["content"]))
            for message in body["messages"]
        ),
        stream=bool(body.get("stream")),
        max_tokens=body.get("max_tokens"),
        stops=tuple(body.get("stop_sequences") or ()),
        schema=tool.schema if tool else _output_schema(body),
        tool=tool.name if tool else None,
        include_usage=True,
        thinks=(body.get("thinking") or {}).get("type") in {"enabled", "adaptive"},
        cached=0.5 if '"cache_control"' in orjson.dumps(body).decode() else 0.0,
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)]
    if any(part.get("type") == "text" and not part.get("text") for part in parts):
        raise Rejection(400, "messages: text content blocks must be non-empty")
    return "\n".join(part.get("text") or _text(part.get("content") or "") for part in parts)


def _output_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = body.get("output_format") or (body.get("output_config") or {}).get("format")
    if not form:
        return None
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise Rejection(400, "output_config.format: Input should be a JSON schema")
    schema: Mapping[str, Any] = form["schema"]
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        text = (
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be "
            "explicitly set to false"
        )
        raise Rejection(400, text)
    return schema


def _called_tool(body: Mapping[str, Any]) -> Tool | None:
    choice = body.get("tool_choice") or {}
    listed = [
        tool for tool in body.get("tools") or [] if isinstance(tool.get("input_schema"), dict)
    ]
    tools = [Tool(tool["name"], tool["input_schema"]) for tool in listed]
    if choice.get("type") == "tool":
        forced = next((tool for tool in tools if tool.name == choice.get("name")), None)
        if forced is None:
            raise Rejection(400, f"Tool '{choice.get('name')}' not found in provided tools")
        return forced
    mode = choice.get("type", "auto")
    called = {str(block.get("name")) for block in blocks_of(body["messages"], "tool_use")}
    answered = role_of(body["messages"][-1]) == "tool"
    return called_tool(tools, mode, called, answered=answered)


def _pictures(content: Any) -> int:
    return len(blocks_of([{"content": content}], "image"))


def whole(ask: ChatRequest, reply: ChatReply) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    if reply.tool:
        block = {**_block(reply), "input": _tool_input(reply.text)}
    else:
        block = {"type": "text", "text": reply.text}
    thought = "".join(reply.thought)
    make = redacted_block if REDACTED in ask.prompt else thinking_block
    content = [*([make(thought)] if thought else []), block]
    return {**_message(ask), "content": content, **_stop(reply), "usage": usage(reply)}


def _thought_frames(ask: ChatRequest, reply: ChatReply) -> Iterator[EventFrame]:
    thought = "".join(reply.thought)
    if REDACTED in ask.prompt:
        yield _event("open", "content_block_start", index=0, content_block=redacted_block(thought))
    else:
        block = thinking_block(thought)
        empty = {**block, "thinking": "", "signature": ""}
        yield _event("open", "content_block_start", index=0, content_block=empty)
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in reply.thought]
        for delta in (*deltas, {"type": "signature_delta", "signature": block["signature"]}):
            yield _event("open", "content_block_delta", index=0, delta=delta)
    yield _event("open", "content_block_stop", index=0)


def _tool_input(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}


def frames(
    ask: ChatRequest, reply: ChatReply, *, no_usage: bool = False, no_done: bool = False
) -> Iterator[EventFrame]:
    """The answer as a stream of named events, ``message_start`` to ``message_stop``."""
    counts = {} if no_usage else {"usage": {**usage(reply), "output_tokens": 1}}
    message = {**_message(ask), "content": [], "stop_reason": None, "stop_sequence": None, **counts}
    yield _event("open", "message_start", message=message)
    if reply.thought:
        yield from _thought_frames(ask, reply)
    at = int(bool(reply.thought))
    yield _event("open", "content_block_start", index=at, content_block=_block(reply))
    yield _event("open", "ping")
    for piece in reply.pieces:
        kind = "token" if piece else "open"
        yield _event(kind, "content_block_delta", index=at, delta=_delta(reply, piece))
    yield _event("close", "content_block_stop", index=at)
    totals = {} if no_usage else {"usage": _final_usage(reply)}
    yield _event("close", "message_delta", delta=_stop(reply), **totals)
    if not no_done:
        yield _event("close", "message_stop")


def _event(kind: Any, name: str, **data: Any) -> EventFrame:
    return EventFrame(kind, {"type": name, **data}, name)


def _message(ask: ChatRequest) -> dict[str, Any]:
    return {"id": _id("msg_"), "type": "message", "role": "assistant", "model": ask.model}


def _block(reply: ChatReply) -> dict[str, Any]:
    if reply.tool:
        return {"type": "tool_use", "id": _id("toolu_"), "name": reply.tool, "input": {}}
    return {"type": "text", "text": ""}


def _delta(reply: ChatReply, piece: str) -> dict[str, Any]:
    if reply.tool:
        return {"type": "input_json_delta", "partial_json": piece}
    return {"type": "text_delta", "text": piece}


def _stop(reply: ChatReply) -> dict[str, Any]:
    reason = "stop_sequence" if reply.stop_sequence else _FINISH[reply.finish]
    return {"stop_reason": reason, "stop_sequence": reply.stop_sequence}


def usage(reply: ChatReply) -> dict[str, Any]:
    """Token counts of one answer."""
    return {
        "input_tokens": reply.input_tokens - reply.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.cached_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": max(1, reply.output_tokens),
        "service_tier": "standard",
    }


def _final_usage(reply: ChatReply) -> dict[str, Any]:
    left_out = {"cache_creation", "service_tier"}
    return {name: value for name, value in usage(reply).items() if name not in left_out}


def error_frame(rejection: Rejection) -> EventFrame:
    """An error in the middle of a stream: ``event: error``."""
    return EventFrame("close", error_body("anthropic", rejection), "error")


def ping() -> bytes:
    """The keep-alive event."""
    return b'event: ping\ndata: {"type": "ping"}\n\n'


def _id(prefix: str) -> str:
    return prefix + "01" + uuid.uuid4().hex[:22]


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


def not_found(_method: str, _path: str, /) -> Rejection:
    """The error of a path that the API does not have."""
    return Rejection(404, "Not found", error="not_found_error")


async def _count(call: SimulatedCall) -> web.StreamResponse:
    ask = read(call.body, counting=True)
    return await send_json(call, {"input_tokens": ask.input_tokens})


async def _models(call: SimulatedCall) -> web.StreamResponse:
    if name := call.request.match_info.get("model"):
        return await send_json(call, _model(name))
    page = {"has_more": False, "first_id": _MODELS[0], "last_id": _MODELS[-1]}
    return await send_json(call, {"data": [_model(name) for name in _MODELS], **page})


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


ROUTES: tuple[Route, ...] = (
    ("POST", "/v1/messages/count_tokens", "count", _count),
    ("GET", "/v1/models", "models", _models),
    ("GET", "/v1/models/{model}", "models", _models),
)
