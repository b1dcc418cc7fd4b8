"""Table look-up: keys and tokens of well-known makers, told by prefix, letters and length (``key_forms.toml``).

Each prefix is followed for a bounded number of characters, so the work is linear in the text.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ALNUM = frozenset(string.ascii_letters + string.digits)
_LETTERS = {
    "word": _ALNUM | {"_", "-"},
    "alnum": _ALNUM,
    "hex": frozenset(string.hexdigits.lower()),
    "upper": frozenset(string.ascii_uppercase + string.digits),
    "dotted": _ALNUM | {"_", "-", "."},
}
_LEAST_VARIETY = 8
"""Different characters of a real key: a placeholder repeats a few."""


def looks_drawn(letters: str) -> bool:
    """True for letters drawn by chance, false for the placeholder of a manual."""
    folded = letters.casefold()
    varied = len(set(folded)) >= _LEAST_VARIETY and "example" not in folded
    return varied and any(map(str.isdigit, folded)) and any(map(str.isalpha, folded))


@dataclass(frozen=True, slots=True)
class KeyForm:
    """Keys that are told by their form: ``prefix``, then ``letters``, from ``length`` up to ``most`` characters in
    all. ``is_key`` tells a real one. A ``whole`` key has no letters beside it,
    and ``is_key`` gets those after the prefix."""

    prefix: str
    length: int
    is_key: Callable[[str], bool]
    most: int = 0
    letters: frozenset[str] = _ALNUM
    whole: bool = False

    def read(self, text: str, start: int, *, ended: bool) -> int | None:
        """Characters of the key that begins there: 0 for none, ``None`` where the text to come decides."""
        if not text.startswith(self.prefix, start):
            begun = not ended and self.prefix.startswith(text[start : start + len(self.prefix)])
            return None if begun else 0
        if self.whole and start and text[start - 1].isalnum():
            return 0
        most = start + max(self.most, self.length)
        end = start + len(self.prefix)
        while end < min(most, len(text)) and text[end] in self.letters:
            end += 1
        if end == len(text) and not ended and (end < most or self.whole):
            return None
        # a full stop after a key ends the sentence
        key = text[start:end].rstrip(".") if self.whole else text[start:end]
        longer = self.whole and end < len(text) and text[end] in self.letters
        return len(key) if len(key) >= self.length and not longer and self._is_real(key) else 0

    def _is_real(self, key: str) -> bool:
        return self.is_key(key.removeprefix(self.prefix) if self.whole else key)


def _forms() -> tuple[KeyForm, ...]:
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple(
        KeyForm(
            prefix,
            least,
            looks_drawn,
            most,
            _LETTERS[letters],
            whole=True,
        )
        for prefix, (_, letters, least, most) in table.items()
    )


MAKERS = _forms()


def has_key(text: str) -> bool:
    """Search for a key of any maker."""
    return any(_has(text, form) for form in MAKERS)


def _has(text: str, form: KeyForm) -> bool:
    at = text.find(form.prefix)
    while at >= 0:
        if form.read(text, at, ended=True):
            return True
        at = text.find(form.prefix, at + 1)
    return False
