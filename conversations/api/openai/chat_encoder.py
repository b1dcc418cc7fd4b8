"""Encoder: the engine's events as chunks of a chat completion, or as one object.

Chunks are what the clients of OpenAI's API were seen to take (docs/clients.md): no event names, no ids,
no frame without ``choices`` except an error. A stream never ends clean without a ``finish_reason``,
because most clients take that for success.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never
from uuid import UUID

import orjson

from conversations.api.openai.errors import error_object
from conversations.domain.problems import problem_of
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
from routing.domain.actions import ACTIONS, Action
from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import BESIDE

DONE = b"data: [DONE]\n\n"
FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})
"""The values that clients know; any other becomes ``stop``."""


_REFUSALS = frozenset({"provider_refused", "answer_refused"})
"""The notices before a refusal."""
_MARK = "\x00text\x00"
"""Stands for the text of a chunk; nothing else in a chunk has a control character."""


def completion_id(message: UUID) -> str:
    """The id of a completion, from the run's."""
    return f"chatcmpl-{message.hex}"


class ChunkEncoder:
    """Encoder of one stream. ``ended``: the terminal frames were made, and no event counts any more.

    ``forces_form``: the client reads JSON or a tool call, so that a refusal has a field of its own.
    """

    def __init__(
        self,
        message: UUID,
        created: int,
        model: str,
        *,
        include_usage: bool,
        forces_form: bool = False,
    ) -> None:
        self._head = {
            "id": completion_id(message),
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            "system_fingerprint": None,
        }
        self._include_usage, self._forces_form = include_usage, forces_form
        self._refuses = False
        self._opened = False
        self._attachment = False
        self._logprobs: dict[str, Any] | None = None
        self._around_text: tuple[bytes, bytes] | None = None
        """The bytes before and after the text of a chunk, which is nearly all chunks."""
        self.ended = False

    def encode(self, event: Event) -> Iterator[bytes]:
        """The frames of one event."""
        if type(event) is Token and self._around_text and not self._logprobs:
            before, after = self._around_text
            yield before + orjson.dumps(event.text) + after
        else:
            yield from self._encode(event)

    def _encode(self, event: Event) -> Iterator[bytes]:
        match event:
            case Decided(decision):
                self._around_text = None
                self._head["model"] = decision.model or self._head["model"]
                # Of a drawn answer the text is the picture's description: it is sent with its address.
                self._attachment = bool(ACTIONS[decision.action].attachment)
                self._refuses = self._forces_form and decision.refused
            case Token() | Thought() | Logprobs() | ToolCall():
                yield from self._piece(event)
            case Reset():
                yield from self._reset()
            case Finished(message):
                yield from self._finish(message)
            case Failed(problem):
                yield from self.fail(problem)
            case Noticed(code):
                # Declined after the decision was told: the text of the refusal comes next.
                self._refuses = self._refuses or (self._forces_form and code in _REFUSALS)
                self._around_text = None
            case Started():
                pass
            case _:
                assert_never(event)

    def _piece(self, event: Token | Thought | Logprobs | ToolCall) -> Iterator[bytes]:
        match event:
            case Token(text):
                if not self._attachment:
                    yield from self._delta({"refusal" if self._refuses else "content": text})
                    self._around_text = self._around_text or self._around(_MARK)
            case Thought(text):
                yield from self._delta({"reasoning_content": text})
            case Logprobs(tokens):
                self._logprobs = {"content": tokens, "refusal": None}
            case ToolCall():
                yield from self._delta({"tool_calls": [tool_call_delta(event)]})
            case _:
                assert_never(event)

    def fail(self, problem: Mapping[str, Any]) -> Iterator[bytes]:
        """The error frame, after which nothing follows: no ``choices``, no ``[DONE]``."""
        self.ended = True
        yield _frame(error_object(problem))

    def _reset(self) -> Iterator[bytes]:
        # The text that was sent cannot be taken back, and another must not be put behind it.
        if self._opened:
            yield from self.fail(problem_of(ProviderStreamBroken("", "started over")))

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[bytes]:
        yield from self._open()
        yield self._chunk(delta)

    def _open(self) -> Iterator[bytes]:
        if not self._opened:
            self._opened = True
            yield self._chunk({"role": "assistant", "content": None if self._refuses else ""})

    def _finish(self, message: Mapping[str, Any]) -> Iterator[bytes]:
        yield from self._open()
        if message["image"]:
            yield self._chunk({"content": content_of(message)})
        self.ended = True
        yield self._chunk({}, "stop" if self._refuses else finish_reason_of(message))
        if self._include_usage:
            yield _frame({**self._head, "choices": [], "usage": usage_object(message)})
        yield DONE

    def _around(self, mark: str) -> tuple[bytes, bytes]:
        chunk = self._chunk({"refusal" if self._refuses else "content": mark})
        before, _, after = chunk.partition(orjson.dumps(mark))
        return before, after

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
        logprobs, self._logprobs = self._logprobs, None
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return _frame({**self._head, "choices": [choice], **usage})


def tool_call_delta(piece: ToolCall) -> dict[str, Any]:
    """A piece of a tool call; only the first of a call has its id, type and name."""
    first = bool(piece.call_id or piece.name)
    kind, text = call_fields(custom=piece.custom)
    named = {"id": piece.call_id, "type": kind} if first else {}
    called = ({"name": piece.name} if first else {}) | {text: piece.arguments}
    return {"index": piece.index, **named, kind: called}


def call_fields(*, custom: bool) -> tuple[str, str]:
    """The type of a call, which names its object too, and the field of what the tool is given."""
    return ("custom", "input") if custom else ("function", "arguments")


class AnswerParts:
    """The parts of a whole answer beside its text, put together from its events since the last reset."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.logprobs: list[Mapping[str, Any]] = []
        self._thoughts: list[str] = []
        self._calls: dict[int, list[ToolCall]] = {}
        for event in events:
            self._take(event)
        self.tool_calls = [_call_object(self._calls[index]) for index in sorted(self._calls)]
        self.reasoning = "".join(self._thoughts)

    def _take(self, event: Event) -> None:
        match event:
            case ToolCall(index):
                self._calls.setdefault(index, []).append(event)
            case Thought(text):
                self._thoughts.append(text)
            case Logprobs(tokens):
                self.logprobs += tokens
            case Reset():
                self._calls.clear()
                self._thoughts.clear()
                self.logprobs.clear()
            case _:
                pass


def _call_object(pieces: Sequence[ToolCall]) -> dict[str, Any]:
    """A whole call; its first piece has its id and its name."""
    first = pieces[0]
    kind, text = call_fields(custom=first.custom)
    called = {"name": first.name, text: "".join(piece.arguments for piece in pieces)}
    return {"id": first.call_id, "type": kind, kind: called}


def completion_object(
    message: Mapping[str, Any], created: int, events: Sequence[Event], *, forces_form: bool = False
) -> dict[str, Any]:
    """A whole completion, from the message object of the end, and the events before it.
    ``forces_form`` as of ``ChunkEncoder``."""
    decision, parts = message["decision"] or {}, AnswerParts(events)
    refuses = forces_form and decision.get("action") == Action.REFUSE
    said: dict[str, Any] = {"role": "assistant", "content": content_of(message), "refusal": None}
    if refuses:
        said |= {"content": None, "refusal": said["content"]}
    if parts.tool_calls:
        said |= {"content": said["content"] or None, "tool_calls": parts.tool_calls}
    if parts.reasoning:
        said["reasoning_content"] = parts.reasoning
    logprobs = {"content": parts.logprobs, "refusal": None} if parts.logprobs else None
    return {
        "id": completion_id(UUID(message["id"])),
        "object": "chat.completion",
        "created": created,
        "model": decision.get("model") or "assistant",
        "choices": [
            {
                "index": 0,
                "message": said,
                "logprobs": logprobs,
                "finish_reason": "stop" if refuses else finish_reason_of(message),
            }
        ],
        "usage": usage_object(message),
        "system_fingerprint": None,
    }


def content_of(message: Mapping[str, Any]) -> str:
    """The text of an answer; a picture is Markdown, because no client reads another form of it."""
    picture = message["image"]
    if not picture:
        return str(message["content"])
    alt = picture["alt"].replace("\\", "").replace("[", "(").replace("]", ")")
    return f"![{alt}]({picture['url']})"


def finish_reason_of(message: Mapping[str, Any]) -> str:
    """One of ``FINISH_REASONS``."""
    reason = message["finish_reason"]
    return reason if reason in FINISH_REASONS else "stop"


def cost_of(message: Mapping[str, Any]) -> str:
    """US dollars, as text; empty where the price is unknown. Without a call of a model it costs nothing."""
    stored = message["cache"] and message["cache"]["outcome"] in {"exact", "semantic"}
    if stored or not any(call["operation"] not in BESIDE for call in message.get("attempts", ())):
        return "0"
    return str((message["usage"] or {}).get("cost_usd") or "")


def usage_object(message: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens, in OpenAI's names; of a stored answer those of the first time."""
    saved = message.get("saved_tokens")
    usage, details = saved or message["usage"] or {}, saved or usage_details(message)
    prompt, completion = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": details["cached_tokens"]},
        "completion_tokens_details": {"reasoning_tokens": details["reasoning_tokens"]},
    }


def usage_details(message: Mapping[str, Any]) -> dict[str, int]:
    """The cached and the reasoning tokens of the calls that made the answer."""
    calls = [call for call in message.get("attempts", ()) if call["operation"] not in BESIDE]
    return {
        name: sum(call.get(name, 0) for call in calls)
        for name in ("cached_tokens", "reasoning_tokens")
    }


def _frame(body: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"
