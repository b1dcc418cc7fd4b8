"""Text from outside: cleaned, so that it can be stored, sent and shown. Pure.

``TextCleaner`` is for text in pieces; ``clean_block`` and ``clean_line`` are for whole, short texts beside
an answer: a prompt that a provider revised, an error message, a reason. All are linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain
from typing import Literal

import orjson


def is_json_object(text: str) -> bool:
    """Whether a text is an object in JSON."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 and C1 but tab and line feed
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates: text in a false order
    "\ufff9-\ufffb\U000e0000-\U000e007f]"  # annotations and tags: text that is not seen
)


def _invisible() -> str:
    """A regular expression's set: white space, control and format characters, combining marks alone,
    fillers, and the signs that stand for a lost character."""
    kinds = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"}
    assigned = map(chr, chain(range(0x20000), range(0xE0000, 0xE0200)))
    found = (point for point in assigned if unicodedata.category(point) in kinds)
    return "".join(found) + "\u115f\u1160\u2800\u3164\uffa0\ufffc\ufffd"


_VISIBLE = re.compile(f"[^{re.escape(_invisible())}]")


class TextCleaner:
    """Cleaner of one text that comes in pieces.

    A character outside the Basic Multilingual Plane may come as two halves (surrogates) in two
    pieces: the first half waits for the second. A half that stays alone becomes U+FFFD, and NUL,
    which PostgreSQL can't store, is left out.
    """

    def __init__(self) -> None:
        self._half = ""

    def clean(self, piece: str) -> str:
        """The cleaned piece; empty when it is the first half of a character."""
        if piece.isascii() and not self._half:
            return piece.replace("\x00", "")
        text, self._half = self._half + piece, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return whole_characters(text).replace("\x00", "")

    def end(self) -> str:
        """U+FFFD where the text ended with half a character."""
        half, self._half = self._half, ""
        return whole_characters(half)


def clean_block(text: object, limit: int) -> str:
    """At most ``limit`` characters without control characters and false directions; empty for anything
    but text. Lines stay."""
    if not isinstance(text, str):
        return ""
    # Cut first, so that the cost has a bound; what is left out below seldom makes up for it.
    kept = whole_characters(text[: 4 * limit]).replace("\r\n", "\n").replace("\r", "\n")
    kept = _CONTROL.sub("", kept).strip()
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def clean_line(text: object, limit: int) -> str:
    """As ``clean_block``, on one line."""
    line = " ".join(clean_block(text, 2 * limit).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def unseen_character(text: str) -> str:
    """The first control, escape, direction or tag character, as ``U+202E``; empty where there is none."""
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def first_visible(text: str, start: int = 0) -> int | None:
    """Position of the first character from ``start`` on that a reader would see."""
    found = _VISIBLE.search(text, start)
    return found.start() if found else None


# Up to 128 characters, up to one that joins none before it: combining marks, and the vowels and last
# consonants of Hangul, are no such characters.
_PIECE = re.compile(
    "[\\s\\S]{1,128}(?=[\x00-\u02ff]|[^\\W\u1100-\u11ff\u3130-\u318f\ud7b0-\ud7ff\uff00-\uffef]|\\Z)|[\\s\\S]{1,128}"
)


def unicode_form(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """A Unicode normal form, in linear time.

    Python sorts each run of combining marks by insertion: 32,000 of them take it two seconds, with the
    interpreter's lock held. Here a run of more than 128 is sorted piece by piece.
    """
    if text.isascii():
        return text
    return "".join(unicodedata.normalize(form, piece) for piece in _PIECE.findall(text))


def whole_characters(text: str) -> str:
    """The text with the halves of characters joined; U+FFFD for one that is alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
