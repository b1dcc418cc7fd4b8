"""Tool calls: pieces of calls in any form that servers send, as deltas in one form.

The first delta of a call has its id and its name; places count from 0; the arguments are a JSON text.
Servers differ: no index, or the same for all calls; an id that comes late, or never; the name again in
each piece; the arguments as an object, or nothing for none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from routing.common.text import TextCleaner, clean_line
from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import ToolCallDelta
from routing.llm.providers.base import MALFORMED, CallPiece

MOST_CALLS = 128
MOST_ARGUMENTS = 1_000_000
"""Characters of the arguments of one answer."""
_LONGEST_NAME, _LONGEST_ID = 128, 256


@dataclass(slots=True)
class _Call:
    place: int
    call_id: str = ""
    name: str = ""
    told: bool = False
    custom: bool = False
    last: str = ""
    held: list[str] = field(default_factory=list)
    cleaner: TextCleaner = field(default_factory=TextCleaner)


class ToolCalls:
    """Normaliser of the tool calls of one answer; ``model`` names errors.

    Raises ``ProviderStreamBroken`` for what is no call, and for more than an answer may hold.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._size = 0

    @property
    def any(self) -> bool:
        """Whether the answer has a call."""
        return bool(self._calls)

    def feed(self, pieces: Iterable[CallPiece]) -> tuple[ToolCallDelta, ...]:
        """The deltas of these pieces; those of one call that follow one another are one."""
        deltas: list[ToolCallDelta] = []
        try:
            for piece in pieces:
                self._add(deltas, *self._take(piece))
        except (*MALFORMED, RecursionError) as exc:
            raise ProviderStreamBroken(self._model, "a malformed tool call") from exc
        return tuple(deltas)

    def end(self) -> tuple[ToolCallDelta, ...]:
        """The deltas of the end: a function without arguments has an empty object of them."""
        deltas: list[ToolCallDelta] = []
        for call in self._calls:
            if not call.name:
                raise ProviderStreamBroken(self._model, "a tool call without a name")
            rest = call.cleaner.end() or ("" if call.last or call.custom else "{}")
            self._add(deltas, call, rest)
        return tuple(deltas)

    def _take(self, piece: CallPiece) -> tuple[_Call, str]:
        """The call that the piece belongs to, and its next arguments."""
        call_id, name = _word(piece.call_id, _LONGEST_ID), _word(piece.name, _LONGEST_NAME)
        arguments = _json_text(piece.arguments)
        call = self._find(piece.index, call_id, name, arguments)
        if call_id and not call.call_id:
            call.call_id = call_id
            self._by_id[call_id] = call
        call.name, call.custom = call.name or name, call.custom or piece.custom
        self._size += len(arguments)
        if self._size > MOST_ARGUMENTS:
            raise ProviderStreamBroken(self._model, "too long arguments of tool calls")
        call.last = arguments.rstrip()[-1:] or call.last
        return call, call.cleaner.clean(arguments)

    def _find(self, index: Any, call_id: str, name: str, arguments: str) -> _Call:
        if index is not None:
            call = self._by_index.get(index)
            # Some servers give all calls the same index.
            other = call and name and call_id and call.call_id and call.call_id != call_id
            if call is None or other:
                call = self._by_index[index] = self._new()
            return call
        if known := self._by_id.get(call_id):
            return known
        last = self._calls[-1] if self._calls else None
        if last is None or (call_id and last.call_id):
            return self._new()
        # Without index and id only the name is left, which some servers repeat in each piece.
        closed = last.last == "}" and arguments.lstrip().startswith("{")
        begins = name and last.name and (name != last.name or closed)
        return self._new() if begins else last

    def _new(self) -> _Call:
        if len(self._calls) >= MOST_CALLS:
            raise ProviderStreamBroken(self._model, "too many tool calls")
        call = _Call(len(self._calls))
        self._calls.append(call)
        return call

    def _add(self, deltas: list[ToolCallDelta], call: _Call, arguments: str) -> None:
        if not call.name:
            call.held.append(arguments)
        elif not call.told:
            call.told = True
            # An id that comes later is not waited for: the caller returns the one that it was told.
            call_id = call.call_id or f"call_{uuid4().hex[:24]}"
            text = "".join((*call.held, arguments))
            deltas.append(ToolCallDelta(call.place, call_id, call.name, text, call.custom))
        elif arguments and deltas and deltas[-1].index == call.place:
            before = deltas.pop()
            deltas.append(replace(before, arguments=before.arguments + arguments))
        elif arguments:
            deltas.append(ToolCallDelta(call.place, arguments=arguments, custom=call.custom))


def _word(value: Any, limit: int) -> str:
    """A name or an id. Raises ``ValueError`` for a value that is neither text nor number."""
    if value is None or value is False:
        return ""
    if not isinstance(value, str | int):
        raise ValueError("a name that is no text")  # noqa: TRY004 - a fault of the data, not of a type
    return clean_line(str(value), limit)


def _json_text(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    # In ASCII, so that half a character inside stays JSON.
    return "" if arguments is None else json.dumps(arguments, allow_nan=False)
