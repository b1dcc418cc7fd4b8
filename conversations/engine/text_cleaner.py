"""Text as providers stream it, made fit to be stored and sent."""

from __future__ import annotations


class Cleaner:
    """Mends the text of one stream, piece by piece.

    A character outside the Basic Multilingual Plane may come as two halves (surrogates) in two
    pieces: the first half waits for the second. A half that stays alone becomes U+FFFD, and NUL,
    which PostgreSQL can't store, is left out.
    """

    def __init__(self) -> None:
        self._half = ""

    def clean(self, piece: str) -> str:
        """The mended piece; empty when there is nothing to say yet."""
        if piece.isascii() and not self._half:
            return piece.replace("\x00", "")
        text, self._half = self._half + piece, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return whole.replace("\x00", "")
