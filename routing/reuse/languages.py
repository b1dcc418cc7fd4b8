"""Language filter: tells the language of a question by its small words, and others than Latin by their script. Pure."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from routing.common.text import unicode_form

LATIN = "latn"
"""Latin text of which no language is told."""

_WORD = re.compile(r"[^\W\d_]+")
_LISTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("languages.toml").read_text(encoding="utf-8")
)
_LETTERS: dict[str, str] = {
    letter: name for name, letters in _LISTS.pop("letters").items() for letter in letters
}
_SMALL: dict[str, str] = _LISTS
_BY_WORD = {
    word: frozenset(language for language, words in _SMALL.items() if word in words.split())
    for words in _SMALL.values()
    for word in words.split()
}
LANGUAGES = (*_SMALL, LATIN)
"""The languages of Latin text."""

_WORDS_READ = 400


@lru_cache(maxsize=1_024)
def language_of(text: str) -> str:
    """A language of ``LANGUAGES``, or the lower-case name of another script."""
    script = _script(text)
    if script != LATIN:
        return script
    text = unicode_form("NFC", text)
    votes = Counter(_LETTERS[letter] for letter in _LETTERS.keys() & set(text))
    for word in _WORD.findall(text.lower())[:_WORDS_READ]:
        votes.update(_BY_WORD.get(word, ()))
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return LATIN
    return ranked[0][0]


def readable_by(language: str) -> list[str]:
    """Languages of the answers that may serve a question of this language."""
    if language == LATIN:
        return list(LANGUAGES)
    return [language, LATIN] if language in _SMALL else [language]


def small_words(language: str) -> frozenset[str]:
    """The small words by which a language of Latin text is told."""
    return frozenset(_SMALL.get(language, "").split())


def _script(text: str) -> str:
    scripts = Counter(
        unicodedata.name(char, LATIN).partition(" ")[0].lower() for char in text if char.isalpha()
    )
    # Japanese is written in three scripts, of which one is telling.
    if scripts["hiragana"] or scripts["katakana"]:
        return "japanese"
    script = scripts.most_common(1)[0][0] if scripts else LATIN
    return LATIN if script in {"latin", LATIN} else script
