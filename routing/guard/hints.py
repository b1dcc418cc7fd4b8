"""Co-occurrence features: concepts that stand near each other in attacks, for the learned flag.

A hint says nothing alone; its weight is learned. Concepts and named hints are data (``hints.toml``), by language; every
other pair of concepts is a hint, too, named ``one+other``. Each word looks at a bounded number of neighbours, so the
work is linear in the text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from routing.guard.tokenized_prompt import ConceptTable, TokenizedPrompt, Word, plain

PAIRED = "+"
"""Between the concepts in the name of a pair."""
REACH = 8
"""Words between the first concept of a hint and its others."""
LEAST_COUNT = 5
"""A pair that fewer prompts of the training have is left out of the weights."""
_MOST_PAIRS = 8.0
"""A long prompt has many pairs by chance: from here on all of them together weigh no more."""
_PAIR_VALUE = 0.5
"""Pairs are many, so one counts half as much as a named hint before anything is learned."""
_TERM = 5
"""Characters of the longest term that is looked for inside a run without spaces."""
_HAVE = "ai"
"""French for "have", where it stands after an elision: "j'ai" is no machine."""
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_TABLE = ConceptTable(_DATA["concepts"])
_BITS = {name: 1 << at for at, name in enumerate(_DATA["concepts"])}
_CONCEPT = {bit: name for name, bit in _BITS.items()}


class _Marked(NamedTuple):
    """A word with concepts, as bits."""

    word: Word
    concepts: int


def _bits(names: Iterable[str]) -> int:
    return sum(_BITS[name] for name in set(names))


def _by_first() -> dict[int, list[tuple[str, int]]]:
    named: dict[int, list[tuple[str, int]]] = {}
    for code, written in _DATA["hints"].items():
        for concepts in written.split(","):
            first, *others = concepts.split()
            named.setdefault(_BITS[first], []).append((code, _bits(others)))
    return named


_NAMED = _by_first()


def hints(prompt: str) -> dict[str, float]:
    """The hints in a prompt; they weigh less where they are only quoted or talked about."""
    text = TokenizedPrompt(plain(prompt))
    marked = [*_marked(text.words)]
    found: dict[str, float] = {}
    paired: dict[tuple[float, int], int] = {}
    for at, (word, concepts) in enumerate(marked):
        near, value = _near(marked, at), text.discount(word.start)
        for first in _each(concepts):
            paired[value, first] = paired.get((value, first), 0) | near
            for code, others in _NAMED.get(first, ()):
                if near & others == others:
                    found[code] = max(found.get(code, 0.0), value)
    return found | _pairs(paired)


def _pairs(paired: Mapping[tuple[float, int], int]) -> dict[str, float]:
    """By name, from the concepts near each concept and what they weigh there."""
    values: dict[str, float] = {}
    for (value, first), near in sorted(paired.items()):
        for other in _each(near & ~first):
            one, two = sorted((first, other))
            values[_CONCEPT[one] + PAIRED + _CONCEPT[two]] = value
    share = _PAIR_VALUE * min(1.0, _MOST_PAIRS / max(len(values), 1))
    return {name: value * share for name, value in values.items()}


def _each(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest
        bits ^= lowest


def _marked(words: Sequence[Word]) -> Iterator[_Marked]:
    for at, word in enumerate(words):
        if _UNSPACED.search(word.key):
            yield from (_Marked(word, _bits(names)) for names in _inside(word.key))
            continue
        elided = word.key.rpartition("'")[2]
        names = _TABLE.of(word.key) | (frozenset() if elided == _HAVE else _TABLE.of(elided))
        for more in (2, 3):
            names |= _TABLE.of(" ".join(each.key for each in words[at : at + more]))
        if names:
            yield _Marked(word, _bits(names))


def _inside(run: str) -> Iterator[frozenset[str]]:
    for at in range(len(run)):
        for size in range(1, _TERM + 1):
            if names := _TABLE.of(run[at : at + size]):
                yield names


def _near(marked: Sequence[_Marked], at: int) -> int:
    """Concepts of the other words of the same sentence, up to ``REACH`` words away."""
    word, near = marked[at].word, 0
    for other in (*marked[max(0, at - REACH) : at], *marked[at + 1 : at + 1 + REACH]):
        same = other.word.sentence == word.sentence
        if same and abs(other.word.number - word.number) <= REACH:
            near |= other.concepts
    return near
