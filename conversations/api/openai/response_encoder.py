"""Encoder: the engine's events as a response of OpenAI's Responses API, and as the events of its stream.

The numbers of a stream follow from the events alone, so that every worker, at any time, makes the same
ones. SDKs index by the opening events of items and parts: none is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

import orjson

from conversations.api.openai.chat_encoder import content_of, usage_object
from conversations.api.openai.errors import error_object
from conversations.domain.errors import AnswerCut
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
from routing.domain.errors import ProviderRefused, ProviderStreamBroken

Fields = dict[str, Any]
Step = tuple[str, Fields]
"""The type and the fields of one event of the stream."""

STATUSES: Mapping[str, str] = {
    "streaming": "in_progress",
    "complete": "completed",
    "stopped": "cancelled",
    "failed": "failed",
}
"""The status of a response, by that of its message."""
_DELTAS = {
    "message": "response.output_text.delta",
    "reasoning": "response.reasoning_summary_text.delta",
    "function_call": "response.function_call_arguments.delta",
    "custom_tool_call": "response.custom_tool_call_input.delta",
}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""The kinds of calls, each with the field of what the tool is given."""


def response_id(message: UUID) -> str:
    """The id of a response, from its answer's."""
    return f"resp_{message.hex}"


def response_object(message: UUID, created: datetime, parameters: Mapping[str, Any]) -> Fields:
    """A response without output. ``parameters`` are the fields that its request sets."""
    return {
        "id": response_id(message),
        "object": "response",
        "created_at": int(created.timestamp()),
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
        **parameters,
    }


def filter_error(message: Mapping[str, Any]) -> ProviderRefused | None:
    """The error of an answer that its provider's filter, or moderation, cut off: clients take a response that is
    not failed for a whole one. A refusal is whole: its text says so."""
    decision = message["decision"] or {}
    refused = decision.get("action") == Action.REFUSE
    if refused or message["finish_reason"] != "content_filter":
        return None
    moderated = (decision.get("guard") or {}).get("verdict") == "block"
    kind = AnswerCut if moderated else ProviderRefused
    return kind(decision.get("model") or "", "the answer was cut off")


class ResponseBuilder:
    """Puts a response together from its run's events; each step of it is an event of the stream.

    ``response`` is the object so far. Items of text and thoughts are closed by the next item; tool calls,
    whose pieces may be mixed, at the end.
    """

    def __init__(self, message: UUID, created: datetime, parameters: Mapping[str, Any]) -> None:
        self.response = response_object(message, created, parameters)
        self._hex = message.hex
        self._output: list[Fields] = self.response["output"]
        self._pieces: list[list[str]] = []
        self._open: list[int] = []
        self._calls: dict[int, int] = {}
        self._attachment = False

    def take(self, event: Event) -> Iterator[Step]:
        """Take an event in; yields the steps that it makes."""
        match event:
            case Started():
                yield "response.created", {"response": self.response}
                yield "response.in_progress", {"response": self.response}
            case Decided(decision):
                self.response["model"] = decision.model or self.response["model"]
                # Of a drawn answer the text is the picture's description: it is sent with its address.
                self._attachment = bool(ACTIONS[decision.action].attachment)
            case Token() | Thought() | ToolCall():
                yield from self._piece(event)
            case Reset():
                self._clear()
            case Finished(message):
                yield from self._finish(message)
            case Failed(problem):
                self.fail(problem)
            case Noticed() | Logprobs():
                pass
            case _:
                assert_never(event)

    def _piece(self, event: Token | Thought | ToolCall) -> Iterator[Step]:
        match event:
            case Token(text):
                if not self._attachment:
                    yield from self._text("message", text)
            case Thought(text):
                yield from self._text("reasoning", text)
            case ToolCall():
                yield from self._call(event)
            case _:
                assert_never(event)

    def extend(self, text: str) -> Fields | None:
        """Take text in; the place of the item that it goes on, or ``None`` where it is to be taken by
        ``take``, because more than a delta comes of it."""
        at = self._open[-1] if self._open else None
        if at is None or self._attachment or self._output[at]["type"] != "message":
            return None
        self._pieces[at].append(text)
        return self._place(at)

    @property
    def begun(self) -> bool:
        """Whether there is output."""
        return bool(self._output)

    def fail(self, problem: Mapping[str, Any]) -> None:
        """End it as failed."""
        error = error_object(problem)["error"]
        known = error["code"] == "rate_limit_exceeded"
        code = error["code"] if known else "server_error"
        self.response |= {"status": "failed", "error": {"code": code, "message": error["message"]}}
        self._end_items("incomplete")

    def whole(self, events: Iterable[Event], message: Mapping[str, Any]) -> Fields:
        """The response of a run that has ended; ``message`` is its message object, as it is shown."""
        for event in events:
            for _ in self.take(Finished(message) if isinstance(event, Finished) else event):
                pass
        return self.response

    def _clear(self) -> None:
        self._output.clear()
        self._pieces.clear()
        self._open.clear()
        self._calls.clear()

    def _text(self, kind: str, text: str) -> Iterator[Step]:
        if not (self._open and self._output[self._open[-1]]["type"] == kind):
            yield from self._close_text()
            yield from self._add(kind, **_EMPTY[kind]())
            at, part = self._open[-1], _part(kind, "")
            yield _PARTS[kind] + ".added", {**self._place(at), **_index(kind), "part": part}
        yield from self._delta(self._open[-1], text)

    def _call(self, piece: ToolCall) -> Iterator[Step]:
        if piece.index not in self._calls:
            yield from self._close_text()
            self._calls[piece.index] = len(self._output)
            kind = "custom_tool_call" if piece.custom else "function_call"
            named = {"call_id": piece.call_id, "name": piece.name, _CALLS[kind]: ""}
            yield from self._add(kind, **named)
        if piece.arguments:
            yield from self._delta(self._calls[piece.index], piece.arguments)

    def _add(self, kind: str, **fields: Any) -> Iterator[Step]:
        at = len(self._output)
        item = {"id": self._item_id(kind, at), "type": kind, "status": "in_progress", **fields}
        self._open.append(at)
        self._pieces.append([])
        self._output.append(item)
        yield "response.output_item.added", {"output_index": at, "item": item}

    def _item_id(self, kind: str, at: int) -> str:
        prefix = _PREFIXES[kind]
        if kind not in _CALLS and all(item["type"] != kind for item in self._output):
            return f"{prefix}_{self._hex}"
        return f"{prefix}_{self._hex}_{at}"

    def _delta(self, at: int, text: str) -> Iterator[Step]:
        kind = self._output[at]["type"]
        self._pieces[at].append(text)
        logprobs: Fields = {"logprobs": []} if kind == "message" else {}
        yield _DELTAS[kind], {**self._place(at), **_index(kind), "delta": text, **logprobs}

    def _close_text(self) -> Iterator[Step]:
        if self._open and self._output[self._open[-1]]["type"] not in _CALLS:
            yield from self._close(self._open.pop(), "completed")

    def _close(self, at: int, status: str) -> Iterator[Step]:
        item, text = self._output[at], "".join(self._pieces[at])
        place, kind = self._place(at), item["type"]
        _fill(item, text)
        item["status"] = status
        done = _DELTAS[kind].removesuffix("delta") + "done"
        if kind in _CALLS:
            named = {"name": item["name"]} if kind == "function_call" else {}
            yield done, {**place, **named, _CALLS[kind]: text}
        else:
            place |= _index(kind)
            logprobs: Fields = {"logprobs": []} if kind == "message" else {}
            yield done, {**place, "text": text, **logprobs}
            yield _PARTS[kind] + ".done", {**place, "part": _part(kind, text)}
        yield "response.output_item.done", {"output_index": at, "item": item}

    def _end_items(self, status: str) -> list[Step]:
        # The calls in their order: the last item alone may be cut off.
        steps = [
            step
            for at in self._open
            for step in self._close(at, status if at == self._open[-1] else "completed")
        ]
        self._open.clear()
        return steps

    def _place(self, at: int) -> Fields:
        return {"item_id": self._output[at]["id"], "output_index": at}

    def _finish(self, message: Mapping[str, Any]) -> Iterator[Step]:
        if error := filter_error(message):
            self.fail(problem_of(error))
            return
        cut = message["finish_reason"] == "length"
        whole = message["status"] == "complete"
        if message["image"]:
            yield from self._text("message", content_of(message))
        elif whole and not any(item["type"] != "reasoning" for item in self._output):
            yield from self._text("message", "")
        yield from self._end_items("incomplete" if cut or not whole else "completed")
        self.response["status"] = STATUSES[message["status"]]
        self.response["usage"] = _usage(message)
        decision = message["decision"] or {}
        if decision.get("action") == Action.REFUSE:
            metadata = self.response["metadata"] or {}
            self.response["metadata"] = {**metadata, "assistant_action": "refuse"}
        if not whole:
            return
        if cut:
            self.response["status"] = "incomplete"
            self.response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            milliseconds = message["timings"]["total_ms"] or 0
            self.response["completed_at"] = self.response["created_at"] + milliseconds // 1000
        yield f"response.{self.response['status']}", {"response": self.response}


class ResponseEncoder:
    """Encoder of one stream, from the event after number ``after`` on. ``ended``: the terminal frame was
    made."""

    def __init__(self, builder: ResponseBuilder, *, after: int = -1) -> None:
        self._builder, self._after = builder, after
        self._number = 0
        self.ended = False

    def encode(self, event: Event) -> Iterator[bytes]:
        """The frames of one event."""
        if self.ended:
            return
        if type(event) is Token and (place := self._builder.extend(event.text)):
            yield from self._delta(place, event.text)
        elif isinstance(event, Failed):
            yield from self.fail(event.problem)
        elif isinstance(event, Finished) and (error := filter_error(event.message)):
            yield from self.fail(problem_of(error))
        elif isinstance(event, Reset) and self._builder.begun:
            # The text that was sent cannot be taken back, and another must not be put behind it.
            yield from self.fail(problem_of(ProviderStreamBroken("", "started over")))
        else:
            for kind, fields in self._builder.take(event):
                yield from self._frame(kind, fields)
            self.ended = isinstance(event, Finished)

    def fail(self, problem: Mapping[str, Any]) -> Iterator[bytes]:
        """The error frame, after which nothing follows: in the documented shape and in the one that is
        sent, because clients read the one or the other."""
        self.ended = True
        # A killed worker may have sent events that it could not log: the end comes after those too.
        self._number = max(self._number, self._after + 1)
        error = error_object(problem)["error"]
        flat = {name: error[name] for name in ("code", "message", "param")}
        yield from self._frame("error", {**flat, "error": error})

    def _delta(self, place: Fields, text: str) -> Iterator[bytes]:
        """The frame of a text's delta, nearly all frames, without an object for it."""
        number, self._number = self._number, self._number + 1
        if number > self._after:
            where = place["item_id"].encode(), place["output_index"]
            yield _TEXT_DELTA % (number, *where, orjson.dumps(text))

    def _frame(self, kind: str, fields: Fields) -> Iterator[bytes]:
        number, self._number = self._number, self._number + 1
        if number > self._after:
            body = {"type": kind, "sequence_number": number, **fields}
            yield b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(body) + b"\n\n"


_TEXT_DELTA = (
    b"event: response.output_text.delta\n"
    b'data: {"type":"response.output_text.delta","sequence_number":%d,"item_id":"%b","output_index":%d,'
    b'"content_index":0,"delta":%b,"logprobs":[]}\n\n'
)
_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}
_EMPTY: Mapping[str, Callable[[], Fields]] = {
    "message": lambda: {"role": "assistant", "content": []},
    "reasoning": lambda: {"summary": []},
}
_PARTS = {"message": "response.content_part", "reasoning": "response.reasoning_summary_part"}


def _part(kind: str, text: str) -> Fields:
    if kind == "reasoning":
        return {"type": "summary_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _index(kind: str) -> Fields:
    """The place of an item's one part."""
    names = {"message": "content_index", "reasoning": "summary_index"}
    return {names[kind]: 0} if kind in names else {}


def _fill(item: Fields, text: str) -> None:
    match item["type"]:
        case kind if kind in _CALLS:
            item[_CALLS[kind]] = text
        case "reasoning":
            item["summary"] = [_part("reasoning", text)]
        case kind:
            item["content"] = [_part(kind, text)]


def _usage(message: Mapping[str, Any]) -> Fields:
    """Tokens, in the names of the Responses API."""
    usage = usage_object(message)
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": usage["prompt_tokens_details"],
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": usage["completion_tokens_details"],
        "total_tokens": usage["total_tokens"],
    }
