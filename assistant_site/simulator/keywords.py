"""Keywords: words and stems as the stand-in classifier and the answers use them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?", re.UNICODE)
_ENDINGS = [
    "ization",
    "ations",
    "ation",
    "ments",
    "ment",
    "ically",
    "ings",
    "ing",
    "ies",
    "ied",
    "ers",
    "est",
    "ed",
    "es",
    "er",
    "ly",
    "s",
    "e",
    "y",
]


_LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
STOPWORDS, RULE_WORDS = (frozenset(_LISTS[name].split()) for name in ("stopwords", "rule_words"))


def words(text: str) -> list[str]:
    """Lower-case words in order."""
    return _WORD.findall(text.lower())


def stem(word: str) -> str:
    """A crude stem: enough that pirates, pirate and pirate's meet."""
    word = re.split("['\u2019]", word)[0]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    return frozenset(stem(word) for word in words(text) if word not in STOPWORDS)


def rule_stems(text: str) -> frozenset[str]:
    """The stems that tell one rule from another."""
    return frozenset(
        stem(word)
        for word in words(text)
        if word not in STOPWORDS and word not in RULE_WORDS and not word.isdigit()
    )


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Cosine of two sets, in [0, 1]."""
    if not one or not other:
        return 0.0
    return float(len(one & other) / (len(one) * len(other)) ** 0.5)
