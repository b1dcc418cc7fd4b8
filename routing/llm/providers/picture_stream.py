"""Picture stream: takes the picture out of a reply while it arrives.

A reply of 60 MB would otherwise be held four times: as bytes, as text, as an object of the SDK and decoded,
and the allocator keeps much of that. Here base64 is decoded piece by piece, within ``MAX_BYTES``; the JSON
around it goes on to LiteLLM with ``PLACEHOLDER`` in the picture's place.
"""

from __future__ import annotations

import binascii
import re

from routing.llm.providers.image_download import ALPHABET, MAX_BYTES

PLACEHOLDER = "taken"
MAX_JSON = 1024 * 1024
"""Bytes of a reply beside its picture."""

# A key inside a text has its quotation marks escaped, so this matches keys alone.
_KEY = re.compile(rb'"b64_json"\s{0,9}:\s{0,9}"')
_LONGEST_KEY = 40
_PREFIX = re.compile(rb"data:[\w/+.;=-]{0,80},", re.IGNORECASE)
_LONGEST_PREFIX = 96
_ESCAPED = re.compile(rb"\\(.)")
_ESCAPES = {b"n": b"", b"r": b"", b"t": b"", b"/": b"/"}


class PictureStream:
    """Feed it the reply's pieces and pass on what it returns; ``fault`` says why a picture is none."""

    def __init__(self) -> None:
        self.fault = ""
        self._data: bytearray | None = None
        self._inside, self._is_begun = False, False
        self._held = b""
        self._json = 0

    @property
    def picture(self) -> bytes | None:
        """The decoded picture, once it is whole; ``None`` where the reply has none."""
        return None if self._data is None or self._inside or self.fault else bytes(self._data)

    def take(self) -> bytes | None:
        """The picture, which is not kept here: contexts of tasks and timers hold this stream for long."""
        picture, self._data = self.picture, None
        return picture

    def feed(self, piece: bytes) -> bytes:
        """The JSON of a piece. Empty after a ``fault``."""
        piece, self._held = self._held + piece, b""
        out: list[bytes] = []
        while piece and not self.fault:
            piece = self._take_picture(piece) if self._inside else self._take_json(piece, out)
        passed = b"".join(out)
        self._json += len(passed)
        if self._json > MAX_JSON:
            self.fault = "the reply is too large"
        return b"" if self.fault else passed

    def end(self) -> bytes:
        """The rest of the JSON, at the end of the reply."""
        if self._inside:
            self.fault = self.fault or "the picture was cut"
        rest, self._held = self._held, b""
        return b"" if self.fault else rest

    def _take_json(self, piece: bytes, out: list[bytes]) -> bytes:
        key = _KEY.search(piece) if self._data is None else None
        if key is None:
            # A key may be cut in two: its longest beginning waits for the next piece.
            keep = 0 if self._data is not None else min(_LONGEST_KEY, len(piece))
            out.append(piece[: len(piece) - keep])
            self._held = piece[len(piece) - keep :]
            return b""
        out += (piece[: key.end()], PLACEHOLDER.encode())
        self._inside, self._is_begun, self._data = True, False, bytearray()
        return piece[key.end() :]

    def _take_picture(self, piece: bytes) -> bytes:
        end = piece.find(b'"')
        value, rest = (piece, b"") if end < 0 else (piece[:end], piece[end:])
        if not self._is_begun:
            if end < 0 and len(value) < _LONGEST_PREFIX:
                self._held = value
                return b""
            self._is_begun, prefix = True, _PREFIX.match(value)
            value = value[prefix.end() :] if prefix else value
        self._decode(value, last=end >= 0)
        self._inside = end < 0
        return rest

    def _decode(self, value: bytes, *, last: bool) -> None:
        """Decode whole groups of four characters; the others wait, and the last ones are padded."""
        assert self._data is not None  # noqa: S101 - set with ``_inside``
        cut = 0 if last or not value.endswith(b"\\") else 1
        value, waiting = value[: len(value) - cut], value[len(value) - cut :]
        if b"\\" in value:
            value = _ESCAPED.sub(lambda pair: _ESCAPES.get(pair[1], b"!"), value)
        plain = value.translate(ALPHABET, b" \t\r\n")
        # Padding ends a picture: it stays with what waits, so that nothing may follow it.
        whole = len(plain) // 4 * 4 if not last else len(plain)
        if not last and b"=" in plain:
            whole = plain.index(b"=") // 4 * 4
        self._held = plain[whole:] + waiting
        body = plain[:whole].rstrip(b"=") if last else plain[:whole]
        try:
            self._data += binascii.a2b_base64(body + b"=" * (-len(body) % 4), strict_mode=True)
        except binascii.Error:
            self.fault = "the picture is not base64"
        if len(self._data) > MAX_BYTES:
            self.fault = "the picture is too large"
