"""Server-sent events to bytes, plainly or in the odd but legal ways some servers write them."""

from __future__ import annotations

import orjson

from assistant_site.simulator.chat import Frame
from assistant_site.simulator.faults import Fault


def encode(frame: Frame, fault: Fault) -> bytes:
    """One event as bytes. A string is written as it is, anything else as JSON."""
    raw = isinstance(frame.data, str)
    data = frame.data if raw else orjson.dumps(frame.data).decode()
    lines = [": simulator comment"] if fault.comments else []
    if frame.event:
        lines.append(f"event: {frame.event}")
    lines += [f"data: {part}" for part in (_split(data) if fault.multiline and not raw else [data])]
    end = "\r\n" if fault.crlf else "\n"
    return (end.join(lines) + end + end).encode()


def chunks(data: bytes, fault: Fault) -> list[bytes]:
    """``data`` in the pieces it is written to the socket in."""
    if fault.chunk_bytes:
        size = fault.chunk_bytes
        return [data[start : start + size] for start in range(0, len(data), size)]
    if fault.split_utf8:
        return _mid_character(data)
    return [data]


def _split(data: str) -> list[str]:
    # JSON may break its lines beside the braces of an object, never within a string.
    return [data[:1], data[1:-1], data[-1:]]


def _mid_character(data: bytes) -> list[bytes]:
    """Cut within every character of more than one byte."""
    cuts = [index for index in range(1, len(data)) if data[index] & 0xC0 == 0x80]
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
