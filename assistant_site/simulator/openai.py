"""OpenAI's Chat Completions API as published: routes, requests, answers and streams."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from assistant_site.simulator import openai_media
from assistant_site.simulator.call import Route
from assistant_site.simulator.chat import ChatReply, ChatRequest, ChatTurn, EventFrame, Provider
from assistant_site.simulator.errors import Rejection, error_body

_FINISH = {"stop": "stop", "length": "length", "content_filter": "content_filter", "tool": "stop"}
_REASONING_MODEL = re.compile(r"^(o\d|gpt-5)(?!.*chat)")
_ROLES = ("developer", "system", "user", "assistant", "tool", "function")
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
    _check(body)
    turns = [_turn(message) for message in body["messages"]]
    form = body.get("response_format") or {}
    tool = _forced_tool(body)
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
        schema=tool["parameters"] if tool else (form.get("json_schema") or {}).get("schema"),
        tool=tool["name"] if tool else None,
        json=form.get("type") == "json_object",
        include_usage=bool(options.get("include_usage")),
        obfuscate=options.get("include_obfuscation", True),
    )


def _check(body: Mapping[str, Any]) -> None:
    if not body.get("model"):
        raise Rejection(400, "you must provide a model parameter")
    messages = body.get("messages")
    if messages is None:
        raise _missing("messages")
    if not isinstance(messages, list):
        raise _invalid("messages", "invalid_type", "expected an array of objects")
    if not messages:
        detail = (
            "empty array. Expected an array with minimum length 1, but got an empty array instead"
        )
        raise _invalid("messages", "empty_array", detail)
    for index, message in enumerate(messages):
        _check_message(index, message)
    _check_options(body)


def _check_message(index: int, message: Any) -> None:
    name = f"messages[{index}]"
    if not isinstance(message, dict):
        raise _invalid(name, "invalid_type", "expected an object")
    if "role" not in message:
        raise _missing(f"{name}.role")
    if message["role"] not in _ROLES:
        known = ", ".join(f"'{role}'" for role in _ROLES)
        text = f"Invalid value: '{message['role']}'. Supported values are: {known}."
        raise Rejection(400, text, error="invalid_value", param=f"{name}.role")
    if "content" not in message and message["role"] != "assistant":
        raise _missing(f"{name}.content")


def _check_options(body: Mapping[str, Any]) -> None:
    if body.get("n", 1) not in {1, None}:
        raise Rejection(
            400, "The simulator gives one choice.", error="unsupported_value", param="n"
        )
    if body.get("stream_options") and not body.get("stream"):
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Rejection(400, text, param="stream_options")
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema" and not (form.get("json_schema") or {}).get("name"):
        raise _missing("response_format.json_schema.name")
    if _REASONING_MODEL.match(body["model"]) and body.get("max_tokens") is not None:
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead."
        )
        raise Rejection(400, text, error="unsupported_parameter", param="max_tokens")


def _missing(param: str) -> Rejection:
    text = f"Missing required parameter: '{param}'."
    return Rejection(400, text, error="missing_required_parameter", param=param)


def _invalid(param: str, code: str, detail: str) -> Rejection:
    return Rejection(400, f"Invalid '{param}': {detail}.", error=code, param=param)


def _turn(message: Mapping[str, Any]) -> ChatTurn:
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    role = "system" if message["role"] == "developer" else message["role"]
    return ChatTurn(role, content or "")


def _forced_tool(body: Mapping[str, Any]) -> dict[str, Any] | None:
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return None
    name = (choice.get("function") or {}).get("name")
    functions = [tool.get("function") or {} for tool in body.get("tools") or []]
    forced = next((function for function in functions if function.get("name") == name), None)
    if forced is None:
        text = (
            f"Invalid value for 'tool_choice': no function named '{name}' was specified in 'tools'."
        )
        raise Rejection(400, text, error="invalid_value", param="tool_choice")
    return {"name": name, "parameters": forced.get("parameters") or {"type": "object"}}


def whole(ask: ChatRequest, reply: ChatReply) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    message["annotations"] = []
    if reply.tool:
        function = {"name": reply.tool, "arguments": reply.text}
        message["content"] = None
        message["tool_calls"] = [{"id": _id("call_"), "type": "function", "function": function}]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
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
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        hidden = {"obfuscation": _padding(delta)} if ask.obfuscate else {}
        return {**head, "choices": [choice], **tail, **hidden}

    yield EventFrame("open", chunk(_first_delta(reply)))
    for piece in reply.pieces:
        yield EventFrame("token" if piece else "open", chunk(_delta(reply, piece)))
    yield EventFrame("close", chunk({}, _FINISH[reply.finish]))
    if counted:
        yield EventFrame("close", {**head, "choices": [], "usage": usage(reply)})
    if not no_done:
        yield EventFrame("close", "[DONE]")


def _first_delta(reply: ChatReply) -> dict[str, Any]:
    if not reply.tool:
        return {"role": "assistant", "content": "", "refusal": None}
    function = {"name": reply.tool, "arguments": ""}
    call = {"index": 0, "id": _id("call_"), "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None}


def _delta(reply: ChatReply, piece: str) -> dict[str, Any]:
    if reply.tool:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    return {"content": piece}


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
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
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
