"""A prompt as the guard reads it: words with what they may stand for, sentence by sentence.

One pass over the text; what follows looks at the few words that stand for something.
"""

# ruff: noqa: RUF001 - quotation marks of several languages

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from routing.guard.lexicon import (
    ABOUT,
    ABOUT_ATTACKS,
    CONJUNCTIONS,
    LEADS,
    NEGATIONS,
    ORDERED,
    SUBJECTS,
    concepts,
)

# How much what is described, rather than commanded, counts.
COMMANDED, UNSURE, DESCRIBED = 1.0, 0.8, 0.35
# How far before a quotation a word like "translate" is still about it.
ABOUT_REACH = 25
# How far into a quotation, in characters, its words still are the phrase that is shown.
QUOTED_REACH = 25

_PIECE = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]|\n")
_STOPS = frozenset(".!?\n…。！？।;")
_QUOTED = re.compile(
    r"```[\s\S]{1,4000}?```|`[^`\n]{1,400}`|\"[^\"\n]{1,400}\"|“[^“”\n]{1,400}”|„[^„“”\n]{1,400}[“”]"
    r"|«[^«»\n]{1,400}»|‘[^‘’\n]{1,400}’|「[^「」\n]{1,400}」|(?<!\w)'[^'\n]{1,400}'(?!\w)"
)


class Word(NamedTuple):
    """A word: ``key`` is it without case, ``clause`` and ``sentence`` count up from 0."""

    number: int
    start: int
    raw: str
    key: str
    clause: int
    sentence: int
    concepts: frozenset[str]


class Reading:
    """The words of a text that went through ``plain``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = [*_words(text)]
        self.keys = {word.key for word in self.words}
        self._marked = [word for word in self.words if word.concepts]
        self._starts = [word.start for word in self.words]
        self._quotes = [match.span() for match in _QUOTED.finditer(text)]
        self._quote_starts = [start for start, _ in self._quotes]
        self._about_attacks = {
            word.sentence + step
            for word in self.words
            if word.key in ABOUT_ATTACKS
            for step in (-1, 0, 1)
        }

    def having(self, concept: str) -> Iterator[Word]:
        """Every word that may stand for the concept."""
        return (word for word in self._marked if concept in word.concepts)

    def ahead(self, anchor: Word, reach: int, *, clauses: int = 0) -> list[Word]:
        """The next words of the same sentence, over at most ``clauses`` commas."""
        words = self.words[anchor.number + 1 : anchor.number + 1 + reach]
        return [
            word
            for word in words
            if word.sentence == anchor.sentence and word.clause <= anchor.clause + clauses
        ]

    def behind(self, anchor: Word, reach: int) -> list[Word]:
        """The last words of the same clause before the anchor, in reading order."""
        words = self.words[max(0, anchor.number - reach) : anchor.number]
        return [word for word in words if word.clause == anchor.clause]

    def commanded(self, verb: Word) -> float:
        """How much the verb is a command to the reader: 0 (forbidden) to 1."""
        before = self.behind(verb, 6)
        keys = [word.key for word in before]
        if not keys:
            return COMMANDED
        if any(key in NEGATIONS for key in keys[-2:]):
            return 0.0
        if keys[-1] in {"to", "zu"}:
            asked = "you" in keys[-4:] and (keys[-2:-1] == ["you"] or bool(ORDERED & {*keys[-4:]}))
            return COMMANDED if asked else DESCRIBED
        return self._led(verb, before, keys)

    def discount(self, position: int) -> float:
        """1 for what the person says, less for what is quoted or talked about."""
        quoted = self._is_quoted(position)
        about = self._is_about(position)
        if quoted and about:
            return 0.3
        return 0.65 if quoted or about else 1.0

    def _led(self, verb: Word, before: list[Word], keys: list[str]) -> float:
        addressed = max((n for n, key in enumerate(keys) if key == "you"), default=-1)
        subject = max((n for n, key in enumerate(keys) if key in SUBJECTS), default=-1)
        shouted = verb.raw.isupper() and not before[-1].raw.isupper()
        if keys[-1] in CONJUNCTIONS or shouted or all(key in LEADS for key in keys):
            return COMMANDED
        if subject > addressed:
            return DESCRIBED
        return COMMANDED if verb.raw[0].isupper() or addressed >= 0 else UNSURE

    def _is_quoted(self, position: int) -> bool:
        """Whether a quotation begins about here. Deep inside one is a document, not a phrase."""
        number = bisect_right(self._quote_starts, position) - 1
        if number < 0:
            return False
        start, end = self._quotes[number]
        return start < position < end and position - start <= QUOTED_REACH

    def _is_about(self, position: int) -> bool:
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return False
        word = self.words[index]
        before = self.words[max(0, index - ABOUT_REACH) : index]
        if before and before[-1].key in CONJUNCTIONS and before[-1].clause == word.clause:
            # "Translate this and ignore …" is two commands.
            return False
        return word.sentence in self._about_attacks or any(
            other.key in ABOUT for other in before if other.sentence == word.sentence
        )


def _words(text: str) -> Iterator[Word]:
    index = clause = sentence = 0
    for piece in _PIECE.finditer(text):
        raw = piece[0]
        if raw in _STOPS:
            sentence += 1
            clause += 1
        elif not (raw[0].isalnum() or raw[0] == "_"):
            # An apostrophe or a hyphen inside a word parts nothing.
            clause += raw not in "'’-"
        else:
            key = raw.casefold().replace("’", "'")
            yield Word(index, piece.start(), raw, key, clause, sentence, concepts(key))
            index += 1
