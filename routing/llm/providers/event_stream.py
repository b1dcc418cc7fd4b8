"""Server-sent events: cuts a provider's bytes into events and reads their JSON.

By the WHATWG HTML standard, "Interpreting an event stream", with the tolerance of the providers' own
SDKs: keep-alives say nothing, whatever their data is. The work is linear in the bytes, however the
network cuts them.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any

import orjson

LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of one event; a longer one breaks the stream."""

_PINGS = frozenset({b"ping", b"heartbeat", b"keepalive", b"keep-alive"})
_SAYS_NOTHING = re.compile(rb"\"?[\w .:+-]{0,64}\"?")
"""Data that is blank or one bare word or value: ``null``, ``ping``, a time."""


class EventTooLong(ValueError):
    """An event has more bytes than any answer needs."""


class SSEDecoder:
    """Cuts bytes into server-sent events. Only ``data`` is kept: the providers repeat the type of the
    event inside it."""

    __slots__ = ("_after_cr", "_data", "_line", "_ping", "_size", "_started")

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._ping = self._after_cr = self._started = False

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that is complete now. Raises ``EventTooLong``."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]  # the second half of a CRLF
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        elif data:
            self._after_cr = False
        first, *lines = data.split(b"\n")
        self._line += first
        if not lines:
            self._check_size()
            return []
        *lines, rest = bytes(self._line), *lines
        self._line = bytearray(rest)
        events = self._events(lines)
        self._check_size()
        return events

    def end(self) -> list[bytes]:
        """The data of a last event without an empty line behind it."""
        lines = (bytes(self._line), b"")
        self._line = bytearray()
        return self._events(lines)

    def _events(self, lines: Sequence[bytes]) -> list[bytes]:
        """Add lines; the data of the events that they end and that say something."""
        events: list[bytes] = []
        for line in lines:
            if not self._started:
                self._started, line = True, line.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901
            if line:
                self._add(line)
            elif self._data:
                if not self._ping:
                    events.append(b"\n".join(self._data))
                self._data, self._size, self._ping = [], 0, False
            else:
                self._ping = False
        return events

    def _add(self, line: bytes) -> None:
        if line.startswith(b"data: "):  # as all providers write it
            name, value = b"data", line[6:]
        else:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        elif name == b"event":
            self._ping = value.strip().lower() in _PINGS

    def _check_size(self) -> None:
        if self._size + len(self._line) > LONGEST_EVENT:
            raise EventTooLong(f"an event of more than {LONGEST_EVENT} bytes")


def says_nothing(data: bytes) -> bool:
    """Whether the data is a keep-alive and no part of an answer."""
    return len(data) < 80 and _SAYS_NOTHING.fullmatch(data.strip()) is not None


def json_object(data: bytes) -> dict[str, Any]:
    """Raises ``ValueError`` for anything but a JSON object.

    Bytes that are no UTF-8 are replaced, and Python's ``NaN`` and ``Infinity`` are read: neither is a
    reason to lose an answer.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _tolerant(data.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        raise ValueError("an event that is no object")  # noqa: TRY004 - a fault of the data, not of a type
    return value


def _tolerant(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except RecursionError as exc:
        raise ValueError("an object too deep") from exc
