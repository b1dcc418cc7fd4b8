"""Whole HTTP responses of both providers as prebuilt bytes.

Sources: OpenAI's API reference, "Chat completion chunk"; Anthropic's documentation, "Streaming messages";
RFC 9112, section 7.1. Every event is an HTTP chunk of its own, as those servers send them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from benchmarks.throughput.workloads import Workload, pieces

PROMPT_TOKENS = 24
_END = b"0\r\n\r\n"
_CREATED = 1_767_225_600


@dataclass(frozen=True, slots=True)
class Streamed:
    """The bytes before the first token, of each token, and after the last one."""

    head: bytes
    tokens: tuple[bytes, ...]
    tail: bytes

    @property
    def whole(self) -> bytes:
        """All of them."""
        return self.head + b"".join(self.tokens) + self.tail

    @property
    def paced(self) -> tuple[bytes, ...]:
        """What is written after the head at each due time."""
        return (*self.tokens[:-1], self.tokens[-1] + self.tail)


@lru_cache(maxsize=64)
def openai_stream(workload: Workload, model: str, *, usage: bool) -> Streamed:
    """A streamed chat completion."""
    shape = {
        "id": "chatcmpl-9f4Jx0QeT2mLr7KcVbYw1ZsP",
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_3e8a1c5b7d",
    }
    told: dict[str, Any] = {"usage": None} if usage else {}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**shape, "choices": [choice], **told})

    last = _event({**shape, "choices": [], "usage": _openai_usage(workload)}) if usage else b""
    return Streamed(
        _STREAM + chunk({"role": "assistant", "content": "", "refusal": None}),
        tuple(chunk({"content": piece}) for piece in pieces(workload.tokens)),
        chunk({}, "stop") + last + _chunked(b"data: [DONE]\n\n") + _END,
    )


@lru_cache(maxsize=64)
def anthropic_stream(workload: Workload, model: str) -> Streamed:
    """A streamed message."""
    started = {**_message(model), "content": [], "stop_reason": None, "stop_sequence": None}
    started["usage"] = {**_anthropic_usage(workload), "output_tokens": 1}
    block = {"type": "text", "text": ""}

    def delta(piece: str) -> bytes:
        text = {"type": "text_delta", "text": piece}
        return _named("content_block_delta", index=0, delta=text)

    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    return Streamed(
        _STREAM
        + _named("message_start", message=started)
        + _named("content_block_start", index=0, content_block=block)
        + _named("ping"),
        tuple(map(delta, pieces(workload.tokens))),
        _named("content_block_stop", index=0)
        + _named("message_delta", delta=stop, usage={"output_tokens": workload.tokens})
        + _named("message_stop")
        + _END,
    )


def openai_whole(text: str, model: str, tokens: int) -> bytes:
    """A chat completion that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    message["annotations"] = []
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _json(
        {
            "id": "chatcmpl-9f4Jx0QeT2mLr7KcVbYw1ZsP",
            "object": "chat.completion",
            "created": _CREATED,
            "model": model,
            "choices": [choice],
            "usage": _openai_usage(Workload(tokens)),
            "service_tier": "default",
            "system_fingerprint": "fp_3e8a1c5b7d",
        }
    )


def anthropic_whole(text: str, model: str, tokens: int, tool: str = "") -> bytes:
    """A message that does not stream; ``tool`` is the one that carries ``text`` as its input."""
    block: dict[str, Any] = {"type": "text", "text": text}
    if tool:
        given = orjson.loads(text)
        block = {"type": "tool_use", "id": "toolu_01A9b3", "name": tool, "input": given}
    stop = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    usage = _anthropic_usage(Workload(tokens))
    return _json({**_message(model), "content": [block], **stop, "usage": usage})


def refusal(status: int, words: str) -> bytes:
    """An error, in a shape that both providers' clients read."""
    error = {"message": words, "type": "invalid_request_error", "param": None, "code": None}
    return _json({"type": "error", "error": error}, status)


def _openai_usage(workload: Workload) -> dict[str, Any]:
    spent = {"reasoning_tokens": 0, "audio_tokens": 0}
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": workload.tokens,
        "total_tokens": PROMPT_TOKENS + workload.tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            **spent,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _anthropic_usage(workload: Workload) -> dict[str, Any]:
    return {
        "input_tokens": PROMPT_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": workload.tokens,
        "service_tier": "standard",
    }


def _message(model: str) -> dict[str, Any]:
    return {"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "model": model}  # fmt: skip


def _named(name: str, **data: Any) -> bytes:
    body = orjson.dumps({"type": name, **data})
    return _chunked(b"event: " + name.encode() + b"\ndata: " + body + b"\n\n")


def _event(data: dict[str, Any]) -> bytes:
    return _chunked(b"data: " + orjson.dumps(data) + b"\n\n")


def _chunked(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _json(body: dict[str, Any], status: int = 200) -> bytes:
    data = orjson.dumps(body)
    head = _HEAD % (status, b"OK" if status == 200 else b"Error", b"application/json")
    return head + b"content-length: %d\r\n\r\n" % len(data) + data


_HEAD = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\nx-request-id: req_fast\r\n"
_STREAM = (
    _HEAD % (200, b"OK", b"text/event-stream; charset=utf-8")
    + b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
