"""Framing: whether two questions are of one kind and about the same words. Pure, linear but for the pairs of their words.

The words may stand otherwise where a language lets them: a thing before its owner or its use, a verb at the end of its clause,
a passive verb behind its subject.
"""

from __future__ import annotations

from collections.abc import Sequence

from routing.reuse.frames import LISTS, PHRASES, Frame, frame_of
from routing.reuse.languages import LATIN
from routing.reuse.question_features import stem

LONGEST = 400
"""Characters of a question that are read. Longer ones say more than one frame holds, and are framed like none."""

_GENERIC, _NO_SLIPS = (frozenset(LISTS[name].split()) for name in ("generic", "no_slips"))
# Kinds of question in which an action may be told with or without its doer.
_ACTIONS, _VOICES = frozenset({"how", "where", "when"}), frozenset({"active", "passive"})
# Kinds of question without a verb of their own.
_VERBLESS = frozenset({"suggest"})
# Languages whose verb goes to the end of a clause, and those where it may stand before or after its subject.
_VERB_LAST, _VERB_FREE = frozenset({"de", "nl"}), frozenset({"fr", "es", "pt", "it"})
# Letters of the shortest word in which a slip of the pen is told.
_SLIPPED = 8
# English stands in where no language is told.
_FALLBACK = "en"
# Letters of the shortest word that has other forms, and how many more the longer form has.
_SHORTEST, _LONGER = 4, 2


def framed_alike(one: str, other: str, languages: Sequence[str]) -> bool:
    """Whether two questions are of one kind and about the same words, read in any of the ``languages``."""
    if max(len(one), len(other)) > LONGEST:
        return False
    told = {_FALLBACK if language == LATIN else language for language in languages}
    return any(
        _agree(frame_of(one, language), frame_of(other, language), language)
        for language in told & PHRASES.keys()
    )


def _agree(one: Frame, other: Frame, language: str) -> bool:
    if one.turning != other.turning or not (one.words and other.words):
        return False
    if one.tenses and other.tenses and one.tenses != other.tenses:
        return False
    names = one.names | other.names
    places = [_place(word, other.words, names, language) for word in one.words]
    matched = [place for place in places if place is not None]
    if matched != sorted(matched) and not _turned(one, other, matched, language):
        return False
    alone = [word for word, place in zip(one.words, places, strict=True) if place is None]
    alone += [word for at, word in enumerate(other.words) if at not in matched]
    # "HTTP 403" and "HTTP status 403"
    return not alone or (len(matched) > 1 and len(alone) == 1 and alone[0] in _GENERIC)


def _turned(one: Frame, other: Frame, places: Sequence[int], language: str) -> bool:
    """Whether words may stand otherwise: "the food for dogs", "the dog food"; "how is it made", "how do you make it";
    "wie putzt man", "wie man putzt"."""
    if sorted(places) != [*range(max(len(one.words), len(other.words)))]:
        return False
    inverse = [places.index(at) for at in range(len(places))]
    if language == "en" and (_joined(one, other, places) or _joined(other, one, inverse)):
        return True
    last, large = len(places) - 1, one.large | other.large
    moved = [
        (words[0], others[-1])
        for words, others, order in (
            (one.words, other.words, places),
            (other.words, one.words, inverse),
        )
        if order == [last, *range(last)]
    ]
    # A verb is never written large.
    if all(not large.isdisjoint(words) for words in moved):
        return False
    if (language in _VERB_LAST and one.kinds) or (language in _VERB_FREE and last == 1):
        return True
    return (one.shape ^ other.shape) == _VOICES and not one.kinds.isdisjoint(_ACTIONS)


def _joined(one: Frame, other: Frame, places: Sequence[int]) -> bool:
    """Whether the other question has the words behind a link in front of the words before it. A verb stays in
    front, and a doer: "cook for dogs" is not "dogs cook"."""
    size = len(places)
    start = next((at for at, place in enumerate(places) if at != place), size)
    # The one link whose word stands in the other question where they begin to differ.
    at = next((at for at in one.links if at > start and places[at] == start), size)
    turned = [*range(start), *range(at, size), *range(start, at)]
    if (
        at == size
        or not other.links.keys().isdisjoint((at, start + size - at))
        or [places[each] for each in turned] != [*range(size)]
    ):
        return False
    return bool(
        start
        or (one.links[at] == "of" and "active" not in one.shape)
        or (one.kinds and one.kinds <= _VERBLESS)
    )


def _place(word: str, words: Sequence[str], names: frozenset[str], language: str) -> int | None:
    """Where a form of the word stands among others."""
    akin = (
        at for at, each in enumerate(words) if each == word or _akin(word, each, names, language)
    )
    return next(akin, None)


def _akin(word: str, other: str, names: frozenset[str], language: str) -> bool:
    """Whether they are forms of one word; a name has none but the genitive."""
    if word in names or other in names:
        return word.removesuffix("s") == other.removesuffix("s")
    if language == "en":
        return stem(word) == stem(other) or _slipped(word, other)
    short, long = sorted((word, other), key=len)
    if len(short) < _SHORTEST or len(long) - len(short) > _LONGER:
        return False
    if language == "sv" and long == f"{short}s":
        return False  # passive
    return long.startswith(short[:-1])


def _slipped(word: str, other: str) -> bool:
    """Whether one long word is the other with a letter left out or two letters changed: "diffrence"."""
    short, long = sorted((word, other), key=len)
    if len(short) < _SLIPPED or len(long) - len(short) > 1 or short[:2] != long[:2]:
        return False
    if short in _NO_SLIPS:
        return False
    at = next(
        (at for at, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]),
        len(short),
    )
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    return short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
