"""Request framing of HTTP/1.1 (RFC 9112): a push parser that finds where heads and bodies end.

It stands before the server's own parser, which gets a head only when all of it is there and within its
limits. So the cost of a byte is the same however a client cuts, repeats or pipelines it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

HEAD_BYTES = 64 * 1024
"""Most bytes of a request line with its headers, and of the trailers of a chunked body."""

HEAD_LINES = 100
"""Most header lines of a request, and most trailers."""

CHUNK_LINE_BYTES = 4096
"""Most bytes of the line before a chunk, extensions included."""

LENGTH_DIGITS = 15
"""Most digits of a length: a petabyte is no request."""

_HEAD_END = re.compile(rb"\n\r?\n")
_BLANK = re.compile(rb"[\r\n]*")
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,12}")


@dataclass(frozen=True)
class Refusal:
    """The answer to a request that is not taken. ``reason`` is the metric's label."""

    status: int
    code: str
    reason: str
    detail: str


class FramingRefused(Exception):
    """The rest of the connection is not read. Carries the ``Refusal``."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


_OVER = f"At most {HEAD_BYTES} bytes and {HEAD_LINES} lines of headers are taken."
HEAD_SIZE = Refusal(431, "headers_too_large", "head_bytes", _OVER)
HEAD_COUNT = Refusal(431, "headers_too_large", "head_lines", _OVER)
BODY_LENGTH = Refusal(413, "body_too_large", "body_bytes", "The announced body is too large.")
CHUNKS = Refusal(400, "invalid", "malformed", "The body is mostly made of chunk sizes.")
MALFORMED = Refusal(400, "invalid", "malformed", "The request is not valid HTTP.")


class Part(Enum):
    """The part of a request that the next byte belongs to. ``IDLE`` is between two requests."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILERS = auto()


class RequestFraming:
    """Framing of one connection's requests. Stateful; one per connection."""

    def __init__(self) -> None:
        self.part = Part.IDLE
        self.requests = 0
        """Heads that are complete."""
        self.body_bytes = 0
        """Bytes of the present request's body so far."""
        self._held = bytearray()
        self._lines = 0
        self._left = 0
        self._overhead = 0

    @property
    def in_body(self) -> bool:
        """True if the head of the present request is complete and its body is not."""
        return self.part not in {Part.IDLE, Part.HEAD}

    def read(self, data: bytes) -> Iterator[bytes]:
        """What the parser may have of the data: whole heads, chunk lines and trailers, and any bytes of
        bodies; in one piece, because each costs a call. Raises ``FramingRefused`` after what is good."""
        pieces: list[bytes] = []
        refused, at = None, 0
        try:
            while at < len(data):
                if self.part is Part.IDLE:
                    at = self._skip_blank_lines(data, at)
                    continue
                piece, at = self._next(data, at)
                pieces.append(piece)
        except FramingRefused as error:
            refused = error
        if any(pieces):
            yield b"".join(pieces)
        if refused:
            raise refused

    def _skip_blank_lines(self, data: bytes, at: int) -> int:
        """Empty lines before a request are ignored (RFC 9112, section 2.2)."""
        found = _BLANK.match(data, at)
        at = found.end() if found else at
        if at < len(data):
            self.part, self.body_bytes, self._overhead = Part.HEAD, 0, 0
        return at

    def _next(self, data: bytes, at: int) -> tuple[bytes, int]:
        match self.part:
            case Part.BODY | Part.CHUNK:
                return self._take_body(data, at)
            case Part.HEAD | Part.TRAILERS:
                return self._take_head(data, at)
            case _:
                return self._take_line(data, at)

    def _take_body(self, data: bytes, at: int) -> tuple[bytes, int]:
        piece = data[at : at + self._left]
        self._left -= len(piece)
        self.body_bytes += len(piece)
        if not self._left:
            self.part = Part.IDLE if self.part is Part.BODY else Part.CHUNK_END
        return piece, at + len(piece)

    def _take_head(self, data: bytes, at: int) -> tuple[bytes, int]:
        """A head, or a trailer section, once its blank line is there; ``b""`` until then."""
        held = len(self._held)
        added = data[at : at + HEAD_BYTES - held + 1] if held else b""
        self._held += added
        text, start = (self._held, 0) if held else (data, at)
        # Only what is new is searched, with the three bytes in which a blank line may have begun.
        end = self._end_of_head(text, start, max(held - 3, 0) if held else at)
        if end is None:
            self._hold(added or data[at : at + HEAD_BYTES + 1], is_held=bool(held))
            return b"", len(data)
        head = bytes(text[start:end])
        _check_head(len(head), head.count(b"\n") - 1)
        self._held.clear()
        self._lines = 0
        self._end_head(head)
        return head, at + len(head) - held

    def _hold(self, added: bytes, *, is_held: bool) -> None:
        self._held += b"" if is_held else added
        self._lines += added.count(b"\n")
        _check_head(len(self._held), self._lines)

    def _end_of_head(self, text: bytes | bytearray, start: int, search: int) -> int | None:
        stop = start + HEAD_BYTES + 1
        if self.part is Part.TRAILERS:  # an empty section is its blank line alone
            for blank in (b"\r\n", b"\n"):
                if text.startswith(blank, start):
                    return start + len(blank)
        found = _HEAD_END.search(text, search, stop)
        return found.end() if found else None

    def _end_head(self, head: bytes) -> None:
        if self.part is Part.TRAILERS:
            self.part = Part.IDLE
            return
        length = _body_length(head)
        self.requests += 1
        self._left = length or 0
        if length is None:
            self.part = Part.CHUNK_SIZE
        else:
            self.part = Part.BODY if length else Part.IDLE

    def _take_line(self, data: bytes, at: int) -> tuple[bytes, int]:
        """The line before a chunk, or the line end behind it; ``b""`` until it is whole."""
        stop = at + CHUNK_LINE_BYTES + 1
        end = data.find(b"\n", at, stop) + 1
        self._held += data[at : end or stop]
        if len(self._held) > CHUNK_LINE_BYTES:
            raise FramingRefused(HEAD_SIZE)
        if not end:
            return b"", len(data)
        line = bytes(self._held)
        self._held.clear()
        self._end_line(line)
        return line, end

    def _end_line(self, line: bytes) -> None:
        self._overhead += len(line)
        if self._overhead > HEAD_BYTES + self.body_bytes:
            raise FramingRefused(CHUNKS)
        if self.part is Part.CHUNK_END:
            if line.strip(b"\r\n"):
                raise FramingRefused(MALFORMED)
            self.part = Part.CHUNK_SIZE
            return
        size, _, extension = line.rstrip(b"\r\n").partition(b";")
        size = size.rstrip(b" \t")
        if not _HEXADECIMAL.fullmatch(size) or b"\r" in extension:
            raise FramingRefused(MALFORMED)
        self._left = int(size, 16)
        self.part = Part.CHUNK if self._left else Part.TRAILERS


def _check_head(size: int, lines: int) -> None:
    """``lines`` without the blank one at the end."""
    if size > HEAD_BYTES:
        raise FramingRefused(HEAD_SIZE)
    if lines > HEAD_LINES + 1:  # with the request line
        raise FramingRefused(HEAD_COUNT)


def _body_length(head: bytes) -> int | None:
    """Bytes of the body that follows; ``None`` if it is chunked. Ambiguous heads are refused: two
    servers that read them in two ways would disagree where the next request begins."""
    lengths: list[bytes] = []
    codings: list[bytes] = []
    for line in head.split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        if name != name.strip() and line.strip():  # a folded line, or a blank before the colon
            raise FramingRefused(MALFORMED)
        match name.lower():
            case b"content-length":
                lengths.append(value.strip())
            case b"transfer-encoding":
                codings.append(value.strip().lower())
            case _:
                pass
    if codings:
        if lengths or codings != [b"chunked"]:
            raise FramingRefused(MALFORMED)
        return None
    return _number(lengths)


def _number(lengths: list[bytes]) -> int:
    if not lengths:
        return 0
    length = lengths[0]
    if len(set(lengths)) > 1 or not length.isdigit():
        raise FramingRefused(MALFORMED)
    if len(length) > LENGTH_DIGITS:
        raise FramingRefused(BODY_LENGTH)
    return int(length)
