"""Function words: small words of a question that turn its meaning although the topic stays the same.

An embedding moves little when a negation, a quantifier, a tense or the order of the same words changes.
A negation is a veto; the other differences only forbid reuse without a second opinion. Pure, linear in
the length of both questions. The lists cover the languages that the language filter tells apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from routing.reuse.lexicon import NEGATIONS_ANYWHERE, QUANTIFIERS, SMALL, TENSES

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# Words at the beginning of a question among which its finite verb stands.
_TENSE_PLACE = 4
# Words that two questions may have for themselves and still be the same in another order.
_OTHERWISE = 2
# Shared words from which a turn of the whole sentence is a phrase that moved.
_PHRASES = 4


@dataclass(frozen=True, slots=True)
class FunctionWords:
    """The small words of one question. ``content`` keeps the other words in their order."""

    negation: bool
    soft_negation: bool
    quantifiers: frozenset[str]
    tenses: frozenset[str]
    passive: frozenset[str]
    sentence: bool
    content: tuple[str, ...]


def function_words(text: str) -> FunctionWords:
    """Read a question, in Unicode's form NFKC."""
    words = _WORD.findall(text.casefold().replace("\u2019", "'"))
    bare = [word.replace("'", "") for word in words]
    pairs = pairwise(bare)
    return FunctionWords(
        negation=any(map(_negates, words))
        or ("no" in words and SMALL["portuguese"].isdisjoint(words)),
        soft_negation=not SMALL["soft"].isdisjoint(words),
        quantifiers=frozenset(QUANTIFIERS[word] for word in bare if word in QUANTIFIERS),
        tenses=_tenses(bare),
        passive=frozenset(
            _root(after)
            for word, after in pairs
            if word in SMALL["passive"] and after.endswith("ed")
        ),
        sentence=not SMALL["opening"].isdisjoint(bare[:2]),
        content=tuple(_root(word) for word in words if word not in SMALL["benign"]),
    )


def _negates(word: str) -> bool:
    bare = word.replace("'", "")
    return bare in NEGATIONS_ANYWHERE or word.endswith("n't") or word.startswith("n'")


def _root(word: str) -> str:
    """A word without a possessive and its commonest English ending."""
    word = word.removesuffix("'s").replace("'", "")
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word[: -len(ending)]
    return word


def _tenses(words: list[str]) -> frozenset[str]:
    """The tense of the finite verb at the beginning; none where the question tells of the person."""
    if not SMALL["self"].isdisjoint(words):
        return frozenset()
    place = words[:_TENSE_PLACE]
    return frozenset(tense for tense, forms in TENSES.items() if not forms.isdisjoint(place))


def compare_function_words(a: FunctionWords, b: FunctionWords) -> dict[str, float]:
    """Signals of two questions by name, 0 or 1, symmetric."""
    return {
        "negation_words": float(_negated(a, b)),
        "quantifier": float(_quantified_otherwise(a.quantifiers, b.quantifiers)),
        "tense": float(bool(a.tenses and b.tenses) and a.tenses != b.tenses),
        "voice": float(not _active(a, b) or not _active(b, a)),
        "reordered": float(a.sentence and b.sentence and _reordered(a.content, b.content)),
    }


def _negated(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether one question says not and the other has no word for it."""
    if a.negation == b.negation:
        return False
    return not (b if a.negation else a).soft_negation


def _active(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether no verb is passive in the first question and active in the second."""
    return (a.passive - b.passive).isdisjoint(b.content)


def _quantified_otherwise(a: frozenset[str], b: frozenset[str]) -> bool:
    weak = SMALL["weak_quantifiers"]
    if a - weak != b - weak:
        return True
    return bool(a and b) and a.isdisjoint(b)


def _reordered(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether two questions have the same words but for two, and the shared ones in another order.

    A phrase that moved as a whole ("in Python, how …") is no other order, and neither are the two
    sides of a comparison that has no direction ("A vs B").
    """
    shared = set(a) & set(b)
    if len(shared) < 2 or len(set(a) ^ set(b)) > _OTHERWISE or shared & SMALL["symmetric"]:
        return False
    left, right = ([word for word in words if word in shared] for words in (a, b))
    if left == right:
        return False
    turns = (left[at:] + left[:at] for at in range(1, len(left)))
    return len(left) < _PHRASES or right not in turns
