"""OpenAI's Chat Completions API as published: routes, requests, answers and streams."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from assistant_site.simulator import openai_media
from assistant_site.simulator.call import Route
from assistant_site.simulator.chat import ChatReply, ChatRequest, ChatTurn, EventFrame, Provider
from assistant_site.simulator.errors import Rejection, error_body
from assistant_site.simulator.openai_checks import check
from assistant_site.simulator.tools import Tool, called_tool

_FINISH = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool": "tool_calls",
}
_CALL = {False: ("function", "arguments"), True: ("custom", "input")}
"""The type of a call, which names its object too, and the field of what the tool is given."""
provider: Provider = "openai"
opens_early = False
CHAT_PATH = "/v1/chat/completions"
NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you "
    "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what "
    "was sent was not valid JSON.)"
)


def read(body: Mapping[str, Any]) -> ChatRequest:
    """The request. Raises ``Rejection`` as the API would."""
    check(body)
    turns = [_turn(message) for message in body["messages"]]
    form = body.get("response_format") or {}
    tool = _called_tool(body)
    options = body.get("stream_options") or {}
    stops = body.get("stop") or []
    return ChatRequest(
        provider="openai",
        model=body["model"],
        system="\n\n".join(turn.text for turn in turns if turn.role == "system"),
        turns=tuple(turn for turn in turns if turn.role != "system"),
        stream=bool(body.get("stream")),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stops=(stops,) if isinstance(stops, str) else tuple(stops),
        schema=tool.schema if tool else (form.get("json_schema") or {}).get("schema"),
        tool=tool.name if tool else None,
        custom=tool is not None and tool.schema is None,
        json=form.get("type") == "json_object",
        include_usage=bool(options.get("include_usage")),
        obfuscate=options.get("include_obfuscation", True),
        thinks=(body.get("reasoning_effort") or "none") not in {"none", "minimal"},
        logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
    )


def _turn(message: Mapping[str, Any]) -> ChatTurn:
    content, pictures = message.get("content"), 0
    if isinstance(content, list):
        pictures = sum(part.get("type") == "image_url" for part in content)
        content = "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    role = "system" if message["role"] == "developer" else message["role"]
    return ChatTurn(role, content or "", pictures)


def _called_tool(body: Mapping[str, Any]) -> Tool | None:
    tools = [_tool(tool) for tool in body.get("tools") or []]
    choice, messages = body.get("tool_choice") or "auto", body["messages"]
    if isinstance(choice, dict):
        return _forced_tool((choice.get(choice.get("type")) or {}).get("name"), tools)
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    return called_tool(
        tools,
        {"required": "any", "none": "none"}.get(choice, "auto"),  # type: ignore[arg-type]
        {str((call.get(call.get("type", "function")) or {}).get("name")) for call in calls},
        answered=messages[-1]["role"] == "tool",
    )


def _tool(tool: Mapping[str, Any]) -> Tool:
    if custom := tool.get("custom"):
        return Tool(custom["name"], None)
    function = tool.get("function") or {}
    return Tool(function["name"], function.get("parameters") or {"type": "object"})


def _forced_tool(name: Any, tools: list[Tool]) -> Tool:
    forced = next((tool for tool in tools if tool.name == name), None)
    if forced is None:
        text = (
            f"Invalid value for 'tool_choice': no function named '{name}' was specified in 'tools'."
        )
        raise Rejection(400, text, error="invalid_value", param="tool_choice")
    return forced


def whole(ask: ChatRequest, reply: ChatReply) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    message["annotations"] = []
    if reply.tool:
        message["content"] = None
        message["tool_calls"] = [_call(ask, reply.tool, reply.text)]
    if reply.thought:
        message["reasoning_content"] = "".join(reply.thought)
    choice = {
        "index": 0,
        "message": message,
        "logprobs": _logprobs(ask, *reply.pieces),
        "finish_reason": _FINISH[reply.finish],
    }
    return {
        "id": _id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": ask.model,
        "choices": [choice],
        "usage": usage(reply),
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def frames(
    ask: ChatRequest, reply: ChatReply, *, no_usage: bool = False, no_done: bool = False
) -> Iterator[EventFrame]:
    """The answer as a stream: role, content, finish, usage where asked, ``[DONE]``."""
    head = {
        "id": _id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": ask.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }
    counted = ask.include_usage and not no_usage
    tail: dict[str, Any] = {"usage": None} if counted else {}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        tokens = _logprobs(ask, delta.get("content") or "")
        choice = {"index": 0, "delta": delta, "logprobs": tokens, "finish_reason": finish}
        hidden = {"obfuscation": _padding(delta)} if ask.obfuscate else {}
        return {**head, "choices": [choice], **tail, **hidden}

    first = _first_delta(ask, reply)
    call = first.pop("tool_calls", None) if reply.thought else None
    yield EventFrame("open", chunk(first))
    for piece in reply.thought:
        yield EventFrame("open", chunk({"reasoning_content": piece}))
    if call:  # a model thinks before it calls
        yield EventFrame("open", chunk({"tool_calls": call}))
    for piece in reply.pieces:
        yield EventFrame("token" if piece else "open", chunk(_delta(ask, reply, piece)))
    yield EventFrame("close", chunk({}, _FINISH[reply.finish]))
    if counted:
        yield EventFrame("close", {**head, "choices": [], "usage": usage(reply)})
    if not no_done:
        yield EventFrame("close", "[DONE]")


def _call(ask: ChatRequest, name: str, said: str) -> dict[str, Any]:
    kind, text = _CALL[ask.custom]
    return {"id": _id("call_"), "type": kind, kind: {"name": name, text: said}}


def _first_delta(ask: ChatRequest, reply: ChatReply) -> dict[str, Any]:
    if not reply.tool:
        return {"role": "assistant", "content": "", "refusal": None}
    call = {"index": 0, **_call(ask, reply.tool, "")}
    return {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None}


def _delta(ask: ChatRequest, reply: ChatReply, piece: str) -> dict[str, Any]:
    if reply.tool:
        kind, text = _CALL[ask.custom]
        return {"tool_calls": [{"index": 0, kind: {text: piece}}]}
    return {"content": piece}


def _logprobs(ask: ChatRequest, *tokens: str) -> dict[str, Any] | None:
    if ask.logprobs is None or ask.tool or not any(tokens):
        return None
    return {"content": [_token(token, ask.logprobs) for token in tokens if token], "refusal": None}


def _token(token: str, alternatives: int) -> dict[str, Any]:
    # The simulator is rather sure of itself, and of each alternative half as sure as of the one before.
    listed = [token, *(f"{token.strip()}{place}" for place in range(1, alternatives))][
        :alternatives
    ]
    told = [
        {"token": each, "logprob": -0.1 - 0.7 * place, "bytes": list(each.encode())}
        for place, each in enumerate((token, *listed[1:]))
    ]
    return {**told[0], "top_logprobs": told[:alternatives]}


def _padding(delta: Mapping[str, Any]) -> str:
    # The API pads its chunks against observers who measure their length.
    return "simulatedpadding"[: 1 + (13 - len(str(delta.get("content") or ""))) % 16]


def usage(reply: ChatReply) -> dict[str, Any]:
    """Token counts of one answer."""
    sent, written = reply.input_tokens, reply.output_tokens
    return {
        "prompt_tokens": sent,
        "completion_tokens": written,
        "total_tokens": sent + written,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": len(reply.thought),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def error_frame(rejection: Rejection) -> EventFrame:
    """An error in the middle of a stream: a chunk with a top-level ``error``."""
    return EventFrame("close", error_body("openai", rejection))


def ping() -> bytes:
    """OpenAI has no ping; compatible servers send a comment."""
    return b": keep-alive\n\n"


def _id(prefix: str) -> str:
    return prefix + uuid.uuid4().hex[:24]


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


def not_found(method: str, path: str, /) -> Rejection:
    """The error of a path that the API does not have."""
    return Rejection(404, f"Invalid URL ({method} {path})")


ROUTES: tuple[Route, ...] = (
    ("POST", "/v1/images/generations", "image", openai_media.images),
    ("POST", "/v1/embeddings", "embedding", openai_media.embeddings),
    ("POST", "/v1/moderations", "moderation", openai_media.moderations),
    ("GET", "/v1/models", "models", openai_media.models),
    ("GET", "/v1/models/{model}", "models", openai_media.models),
)
