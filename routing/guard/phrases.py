"""Phrases: patterns of fixed wording, markup and scripts without spaces, read from ``phrases.toml``.

Weights are in log-odds; patterns are for ``plain`` text. Gaps are bounded and possessive, so
every pattern is linear in the text.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

_GAP = r"(?:\W++\w++){0,4}?\W++"


def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression.replace("~", _GAP), re.IGNORECASE | re.VERBOSE | re.MULTILINE)


class Phrase(NamedTuple):
    """A wording and its weight; tried where one of its ``words`` occurs, or always without any."""

    code: str
    weight: float
    words: frozenset[str]
    pattern: re.Pattern[str]


_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PHRASES = tuple(
    Phrase(
        each["code"],
        each["weight"],
        frozenset(each.get("words", "").split()),
        _pattern(each["pattern"]),
    )
    for each in _DATA["phrase"]
)
GLUED = _pattern(_DATA["glued"])
"""Letters spelled out one by one lose the gaps between words; only text found hidden is tried."""
