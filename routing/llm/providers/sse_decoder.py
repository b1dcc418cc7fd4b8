"""Server-sent events out of the bytes of a socket.

By the WHATWG HTML standard, "Interpreting an event stream". Only ``data`` is of use here: what kind of
event it is, both providers say in the data too. Pure: standard library only.
"""

from __future__ import annotations

LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of an event that is still worth waiting for."""


class EventTooLong(ValueError):
    """An event has more bytes than any answer needs."""


class EventStream:
    """Cuts what was read into events, however the network cut it into pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, read: bytes) -> list[bytes]:
        """The data of every event that is whole now. Raises ``EventTooLong``."""
        text = self._rest + read if self._rest else read
        if b"\r" in text:
            text, held = _with_plain_ends(text)
        else:
            held = b""
        *events, rest = text.split(b"\n\n")
        self._rest = rest + held
        if len(self._rest) > LONGEST_EVENT:
            raise EventTooLong(f"an event of more than {LONGEST_EVENT} bytes")
        return [data for event in events if (data := _data(event)) is not None]

    def end(self) -> list[bytes]:
        """The data of a last event that the stream ended in without an empty line."""
        rest, self._rest = self._rest.strip(b"\r\n"), b""
        data = _data(rest)
        return [] if data is None else [data]


def _with_plain_ends(text: bytes) -> tuple[bytes, bytes]:
    """Lines end in CRLF, CR or LF; a CR at the very end may be half of a CRLF and is held back."""
    held = b"\r" if text.endswith(b"\r") else b""
    whole = text[: len(text) - len(held)]
    return whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), held


def _data(event: bytes) -> bytes | None:
    """Its ``data`` lines, joined; ``None`` for comments and events without any."""
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    lines = [line[5:] for line in event.split(b"\n") if line.startswith(b"data:")]
    if not lines:
        return None
    return b"\n".join(line[1:] if line.startswith(b" ") else line for line in lines)
