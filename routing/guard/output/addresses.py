"""Streaming filter: addresses that carry the conversation away are cut out of an answer.

A picture's address is loaded by many clients without a click, so a text of the conversation in it reaches its
host unseen; a link's is followed by somebody who sees it. So a picture may carry nothing of the conversation, plain
or encoded, nor much that nobody can read; a link may carry nothing encoded, and nothing of the system prompt.
Addresses of this site, and those that stand in the conversation, pass. Encryption is not seen through.

An address is held back from its begin to its end; the rest of an answer is not.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from urllib.parse import SplitResult, unquote_plus, urlsplit

LONGEST = 4_000
"""Characters of an address; a longer one is cut out."""
CONTEXT = 300
"""Characters before an address that tell whether it is a picture's."""
WINDOW = 20
"""Letters and digits in a row that an address has in common with the conversation."""
MOST_KNOWN = 20_000
"""The newest characters of the conversation that are compared."""
UNREADABLE = 64
"""Characters of the query of a picture's address, whose meaning nobody knows, from which it is cut out."""
MARKS = {"picture": "[picture removed]", "link": "[link removed]"}

_BEGIN = re.compile(r"(?<![^\W_])https?://|(?<=[(\"'=])//(?=\w)", re.IGNORECASE)
_UNFINISHED = re.compile(
    r"(?:(?<![^\W_])h(?:t(?:t(?:p(?:s?(?::/?)?)?)?)?)?|(?<=[(\"'=])//?)\Z", re.IGNORECASE
)
_ENDS = frozenset("hHtTpPsS:")
"""Last characters of a text that may be in the middle of the begin of an address."""
_END = re.compile(r"[\s<>\"'`\u0000]")
_PICTURE = re.compile(
    r"!\[[^\[\]]*\]\(\s*<?\Z|<img\b[^<>]*\Z|^\s{0,3}\[[^\[\]]*\]:\s*<?\Z", re.MULTILINE
)
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_ALIGNMENTS, _SHORTEST = range(4), 10
_UTF_8 = codecs.getincrementaldecoder("utf-8")
_PLAIN = re.compile(r"[^\W_]+")


class AddressFilter:
    """Filter of one answer. ``known`` are the texts of the conversation, the newest last."""

    kind = "address"

    def __init__(self, known: Sequence[str], protected: str, own_hosts: Collection[str]) -> None:
        self._known, self._protected, self._own_hosts = known, protected, own_hosts
        self._before, self._held = "", ""
        """The last characters that were passed on, and the text that was not."""
        self._inside = False
        self.found = False

    def feed(self, text: str) -> str:
        """The text that may be passed on now."""
        if not self._held and "/" not in text and text[-1:] not in _ENDS:
            self._before = (self._before + text)[-CONTEXT:]
            return text  # the common case, and a hundredth of the rest
        self._held += text
        if (
            self._inside
            and len(self._held) <= LONGEST
            and not _END.search(text)
            and ")" not in text
        ):
            return ""  # the address goes on
        return self._passed(whole=False)

    def flush(self) -> str:
        """The rest, at the end of the answer."""
        return self._passed(whole=True)

    def _passed(self, *, whole: bool) -> str:
        out: list[str] = []
        self._inside = False
        while begin := _BEGIN.search(self._before + self._held, len(self._before)):
            at = begin.start() - len(self._before)
            self._pass_on(out, at)
            size = _size(self._held, whole=whole)
            if size is None:
                self._inside = True
                return "".join(out)
            address, self._held = self._held[:size], self._held[size:]
            kind = "picture" if _PICTURE.search(self._before) else "link"
            if self._is_bad(address, kind):
                self.found, address = True, MARKS[kind]
            self._say(out, address)
        unfinished = None if whole else _UNFINISHED.search(self._before + self._held)
        self._pass_on(
            out, unfinished.start() - len(self._before) if unfinished else len(self._held)
        )
        return "".join(out)

    def _pass_on(self, out: list[str], count: int) -> None:
        count = max(0, count)
        text, self._held = self._held[:count], self._held[count:]
        self._say(out, text)

    def _say(self, out: list[str], text: str) -> None:
        out.append(text)
        self._before = (self._before + text)[-CONTEXT:]

    def _is_bad(self, address: str, kind: str) -> bool:
        if len(address) > LONGEST:
            return True
        if any(address in text for text in self._known):
            return False
        try:
            parts = urlsplit(address)
            host = parts.hostname
        except ValueError:
            return False  # no client can open it
        if not host or host in self._own_hosts:
            return False
        return self._carries(parts, kind)

    def _carries(self, parts: SplitResult, kind: str) -> bool:
        carried = f"{parts.path} {parts.query} {parts.fragment} {parts.username or ''}"
        plain = unquote_plus(unquote_plus(carried))
        hidden = [*_decoded(plain), *_decoded(parts.netloc)]
        if kind == "picture":
            unreadable = len(parts.query) + len(parts.fragment) >= UNREADABLE
            return bool(hidden) or unreadable or _shares(plain, self._everything)
        return _shares(plain, self._guarded) or any(
            _shares(each, self._everything) for each in hidden
        )

    @cached_property
    def _everything(self) -> frozenset[str]:
        return self._told | self._guarded

    @cached_property
    def _told(self) -> frozenset[str]:
        return _windows("\n".join(self._known)[-MOST_KNOWN:])

    @cached_property
    def _guarded(self) -> frozenset[str]:
        return _windows(self._protected[:MOST_KNOWN])


def _size(held: str, *, whole: bool) -> int | None:
    """Characters of the address that begins the text; ``None`` where it may go on."""
    end = _END.search(held)
    size = end.start() if end else len(held)
    depth = 0
    for match in re.finditer(r"[()]", held[: min(size, LONGEST + 1)]):
        depth += 1 if match[0] == "(" else -1
        if depth < 0:  # it closes what was opened before the address
            return match.start()
    return size if end or whole or size > LONGEST else None


def _decoded(text: str) -> Iterator[str]:
    """Readable texts that stand in it as base64 or hexadecimal."""
    for match in _ENCODED.finditer(text):
        coded = match[0].translate({ord("-"): "+", ord("_"): "/"})
        # A slash is a letter of base64 and a mark of paths: the text may begin after one.
        texts = [_from_hexadecimal(part) for part in coded.split("/")]
        texts += [
            _from_base64(part[at:]) for part in {coded, *coded.split("/")} for at in _ALIGNMENTS
        ]
        yield from (text for text in texts if _is_readable(text))


def _is_readable(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return len(text) >= _SHORTEST and text.isprintable() and letters * 2 > len(text)


def _from_base64(coded: str) -> str:
    whole = coded[: len(coded) // 4 * 4]
    return _text(base64.b64decode(whole))


def _from_hexadecimal(coded: str) -> str:
    try:
        return _text(binascii.unhexlify(coded[: len(coded) // 2 * 2]))
    except ValueError:
        return ""


def _text(data: bytes) -> str:
    try:
        return _UTF_8().decode(data)  # but for a last character that was cut
    except UnicodeDecodeError:
        return ""


def _squashed(text: str) -> str:
    return "".join(_PLAIN.findall(text.casefold()))


def _windows(text: str) -> frozenset[str]:
    letters = _squashed(text)
    return frozenset(letters[at : at + WINDOW] for at in range(len(letters) - WINDOW + 1))


def _shares(text: str, windows: frozenset[str]) -> bool:
    return bool(windows) and not windows.isdisjoint(_windows(text))
