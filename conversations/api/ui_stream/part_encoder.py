"""Encoder: the engine's events as parts of the AI SDK's UI message stream, v1.

Clients die on a part or a ``finishReason`` that they do not know, and take a clean end for success: a
failure is always the part ``error``, and the last one. ``Thought`` becomes ``reasoning``. A restart after
the first text is ``reset-step``, which version 7 of the SDK knows; older ones get a new part of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, assert_never

import orjson

from conversations.api.sse import payload
from conversations.engine.events import (
    Decided,
    Event,
    Failed,
    Finished,
    Logprobs,
    Noticed,
    Reset,
    Started,
    Thought,
    Token,
    ToolCall,
)
from conversations.engine.refusals import offered_suggestions

Part = dict[str, Any]
Kind = Literal["text", "reasoning"]
DONE = b"data: [DONE]\n\n"
_FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
}
"""The values that clients know, by ours; any other becomes ``other``."""
PNG = "image/png"


class PartEncoder:
    """Encoder of one stream. ``resets``: the client knows ``reset-step``."""

    def __init__(self, *, resets: bool) -> None:
        self._resets = resets
        self._number = 0
        self._opened: tuple[Kind, str] | None = None
        self._parts = 0
        self._decision: Part = {}

    def encode(self, _: int, event: Event) -> bytes:
        """The frames of one event, each with its number from 1."""
        frames = b"".join(map(self._frame, self._parts_of(event)))
        return frames + DONE if isinstance(event, Finished | Failed) else frames

    def _frame(self, part: Part) -> bytes:
        self._number += 1
        return b"id: %d\ndata: %b\n\n" % (self._number, orjson.dumps(part))

    def _parts_of(self, event: Event) -> Iterator[Part]:
        match event:
            case Token(text):
                yield from self._delta("text", text)
            case Thought(text):
                yield from self._delta("reasoning", text)
            case Started() | Decided() | Reset() | Noticed():
                yield from self._tell(event)
            case Finished(message):
                yield from self._finish(message)
            case Failed(problem):
                yield {"type": "error", "errorText": problem.get("detail") or "It failed."}
            case Logprobs() | ToolCall():
                pass  # of answers to a caller's own chat only
            case _:
                assert_never(event)

    def _tell(self, event: Started | Decided | Reset | Noticed) -> Iterator[Part]:
        match event:
            case Started(conversation, message):
                metadata = {"conversation": conversation}
                yield {"type": "start", "messageId": message, "messageMetadata": metadata}
                yield {"type": "start-step"}
            case Decided():
                yield from self._decide(payload(event))
            case Reset():
                yield from self._reset(event)
            case Noticed():
                yield _data("notice", payload(event), transient=True)
            case _:
                assert_never(event)

    def _delta(self, kind: Kind, text: str) -> Iterator[Part]:
        if not self._opened or self._opened[0] != kind:
            yield from self._close()
            self._parts += 1
            self._opened = kind, f"{kind}-{self._parts}"
            yield {"type": f"{kind}-start", "id": self._opened[1]}
        yield {"type": f"{kind}-delta", "id": self._opened[1], "delta": text}

    def _close(self) -> Iterator[Part]:
        if self._opened:
            kind, part = self._opened
            self._opened = None
            yield {"type": f"{kind}-end", "id": part}

    def _decide(self, told: Part) -> Iterator[Part]:
        if told != self._decision:
            self._decision = told
            yield _data("decision", told, id="decision")

    def _reset(self, event: Reset) -> Iterator[Part]:
        if not self._resets:
            yield from self._close()
            yield _data("reset", payload(event))
            return
        self._opened = None  # taken away, open as it is
        yield {"type": "reset-step"}
        told, self._decision = self._decision, {}
        yield from self._decide(told)  # it was taken away, too

    def _finish(self, message: Mapping[str, Any]) -> Iterator[Part]:
        yield from self._close()
        if message["status"] == "stopped":
            yield {"type": "abort", "reason": "stopped"}
            return
        if decision := message["decision"]:
            # As it ended: another model may have answered, or its provider refused.
            yield from self._decide({"decision": decision, "cache": message["cache"]})
        if picture := message["image"]:
            yield {
                "type": "file",
                "url": picture["url"],
                "mediaType": picture.get("media_type", PNG),
            }
        if offered := suggestions_of(message):
            yield _data("suggestions", offered)
        yield {"type": "finish-step"}
        reason = message["finish_reason"] or "stop"
        yield {
            "type": "finish",
            "finishReason": _FINISH_REASONS.get(reason, "other"),
            "messageMetadata": _metadata(message),
        }


def suggestions_of(message: Mapping[str, Any]) -> list[str]:
    """Other ways to ask, of a refusal."""
    refused = (message["decision"] or {}).get("action") == "refuse"
    return offered_suggestions(message["content"]) if refused else []


def _data(name: str, data: Any, **more: Any) -> Part:
    return {"type": f"data-{name}", "data": data, **more}


def _metadata(message: Mapping[str, Any]) -> Part:
    usage = dict(message["usage"] or {})
    cost = usage.pop("cost_usd", None)
    return {
        "usage": usage or None,
        "cost": cost,
        "timings": message["timings"],
        "trace_id": message["trace_id"],
    }
