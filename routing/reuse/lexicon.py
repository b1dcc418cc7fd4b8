"""Lexicon of the reuse model, read from ``lexicon.toml``. All words are lower case."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _by_word(groups: Mapping[str, str]) -> dict[str, str]:
    """Each word with the name of its group; of several groups the first."""
    found: dict[str, str] = {}
    for name, text in groups.items():
        for word in text.split():
            found.setdefault(word, name)
    return found


_LISTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_SMALL: dict[str, Any] = _LISTS["function_words"]

STOP, ACTIONS = _words(_LISTS["stop"]), _words(_LISTS["actions"])
TIMEBOUND, POLAR = _words(_LISTS["timebound"]), _words(_LISTS["polar"])
OPPOSITES = [pair.split("/") for pair in _LISTS["opposites"].split()]
OPPOSITES_ELSEWHERE = [
    tuple(tuple(side.split()) for side in pair.split("/"))
    for text in _LISTS["opposites_elsewhere"].values()
    for pair in text.split(",")
]
"""Of other languages than English: all forms of the one and of the other."""
SYNONYMS = [group.split() for group in _LISTS["synonyms"].split("/")]
KINDS = _by_word(_LISTS["kinds"])
QUESTIONS = _by_word(_LISTS["questions"])
NEGATING_PREFIXES = tuple(_LISTS["negating_prefixes"].split())

NEGATED_LANGUAGES = frozenset(_SMALL["negations"])
"""The languages whose words of negation are listed."""
NEGATIONS = _words(_SMALL["negations"]["en"]) | _words(_LISTS["learned_negations"])
"""English ones, for the learned signals."""
NEGATIONS_ANYWHERE = _words(" ".join(_SMALL["negations"].values())) - {"no"}
"""Those of all languages but "no", which means "in the" in Portuguese."""
QUANTIFIERS = _by_word(_SMALL["quantifiers"])
MODALS = _by_word(_SMALL["modals"])
"""First words of a question for yes or no, by their sense."""
MODAL_PHRASES = {name: text.split(",") for name, text in _SMALL["modal_phrases"].items()}
BOUNDS = {name: text.split(",") for name, text in _SMALL["bounds"].items()}
TENSES = {name: _words(text) for name, text in _SMALL["tenses"].items()}
SMALL = {name: _words(text) for name, text in _SMALL.items() if isinstance(text, str)}
"""The other lists of small words, by their names."""
