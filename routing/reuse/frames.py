"""Question frames: the kind and the words of a question, without the phrases that only lead to it. Pure, linear.

"What's the reason cats purr?" and "Why do cats purr?" ask *why* about *cats purr*. Two questions of one kind
about the same words say the same far more often than their cosine tells. The phrases of nine languages are
in ``frames.toml``; in other languages no two questions are framed alike.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from routing.reuse.languages import LATIN, small_words
from routing.reuse.lexicon import STOP, TENSES
from routing.reuse.question_features import stem

LONGEST = 400
"""Characters of a question that are read. Longer ones say more than one frame holds, and are framed like none."""

_LISTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_PHRASES: dict[str, dict[str, str]] = _LISTS["phrases"]
_PARTICLES = {name: frozenset(words.split()) for name, words in _LISTS["particles"].items()}
_GENERIC = frozenset(_LISTS["generic"].split())
_SAME = {word: words.split()[0] for words in _LISTS["same"].values() for word in words.split()}
_WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"[^\w\s?!.,;:'\u2018\u2019\"\u201c\u201d\u201e«»()¿¡…-]+")
_DIFFERENCE = "difference"
_AGENTS, _MEASURES = (frozenset(_LISTS[name].split()) for name in ("agents", "measures"))
# First words that ask for a yes or a no, and add nothing.
_ASKING = frozenset(_LISTS["asking"].split())
_POSSESSIVE = re.compile(r"\b([^\W\d_]+)['\u2019]s ([^\W\d_]+)")
# English stands in where no language is told.
_FALLBACK = "en"
# Letters of the shortest word that has other forms, and how many more the longer form has.
_SHORTEST, _LONGER = 4, 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One question: its ``kinds`` (why, how, count …; none for a definition), its ``words`` in their order, the
    properties to be ``named`` (height, cost …), and the small words, signs and tenses that may turn it. ``names`` are
    the words that are written large."""

    kinds: frozenset[str]
    words: tuple[str, ...]
    named: frozenset[str]
    particles: tuple[str, ...]
    signs: tuple[str, ...]
    tenses: frozenset[str]
    names: frozenset[str]

    @property
    def turning(self) -> object:
        """All that must be the same in both questions."""
        return self.kinds, self.named, self.particles, self.signs


def framed_alike(one: str, other: str, languages: Sequence[str]) -> bool:
    """Whether two questions are of one kind and about the same words, read in any of the ``languages``."""
    if max(len(one), len(other)) > LONGEST:
        return False
    told = {_FALLBACK if language == LATIN else language for language in languages}
    return any(
        _agree(frame_of(one, language), frame_of(other, language), language)
        for language in told & _PHRASES.keys()
    )


@lru_cache(maxsize=8_192)
def frame_of(question: str, language: str) -> Frame:
    """Read a question by the phrases of one language."""
    written = _WORD.findall(_without_possessives(question) if language == "en" else question)
    said = [word.casefold() for word in written]
    kinds, named, about = _read(said, language)
    small = _PARTICLES[language]
    words = [_SAME.get(word, word) for word in about if word not in small]
    particles = sorted(word for word in about if word in small)
    if _DIFFERENCE in words:
        # "How do A and B differ?" and "What is the difference between A and B?"
        kinds, particles = kinds - {"how"}, []
    if not _AGENTS.isdisjoint(words):
        # "Who wrote it?" and "Who is the author?"
        kinds = kinds - {"who"}
    measured = frozenset(word for word in words if word in _MEASURES)
    large = [word.casefold() for word in written[1:] if not word.islower()]
    return Frame(
        kinds=frozenset(kinds),
        words=tuple(word for word in words if word not in measured),
        named=frozenset(named) | measured,
        particles=tuple(particles),
        signs=tuple(sorted(_SIGNS.findall(question))),
        tenses=_tenses(said, language),
        # German writes all nouns so.
        names=frozenset(large if language != "de" else ()),
    )


def _tenses(words: Sequence[str], language: str) -> frozenset[str]:
    # "Was" is a tense in English alone.
    phrases, _ = _kinds(language)
    told = {word for word in words if phrases.get((word,), ("", ""))[0] != "plain"}
    return frozenset(name for name, forms in TENSES.items() if not forms.isdisjoint(told))


def _without_possessives(question: str) -> str:
    """ "Mongolia's capital" as "capital of Mongolia"."""
    return _POSSESSIVE.sub(
        lambda found: found[0] if found[1].casefold() in STOP else f"{found[2]} of {found[1]}",
        question,
    )


def _read(words: Sequence[str], language: str) -> tuple[set[str], set[str], list[str]]:
    """The kinds of a question, the properties to be named, and its words."""
    kinds: set[str] = set()
    named: set[str] = set()
    about: list[str] = []
    dropped, polar = _dropped(language), _polar(language)
    for kind, word in _pieces(words, language):
        match kind:
            case "plain":
                pass
            case "named":
                named.add(_SAME.get(word, word))
            case "recipe":
                kinds.add("how")
                named.add("make")
            case "":
                if word in polar and not (kinds or named or about):
                    kinds.add("polar" if word in _ASKING else f"polar {word}")
                elif word not in dropped or word in _PARTICLES[language]:
                    about.append(word)
            case _:
                kinds.add(kind)
    return kinds, named, about


def _pieces(words: Sequence[str], language: str) -> Iterator[tuple[str, str]]:
    """The longest phrases from the left, each with its kind and its property, and the single words
    between them, without a kind."""
    phrases, longest = _kinds(language)
    at = 0
    while at < len(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            piece = tuple(words[at : at + size])
            if size == 1 or piece in phrases:
                yield phrases.get(piece, ("", piece[0]))
                at += size
                break


def _agree(one: Frame, other: Frame, language: str) -> bool:
    if one.turning != other.turning or not (one.words and other.words):
        return False
    if one.tenses and other.tenses and one.tenses != other.tenses:
        return False
    names = one.names | other.names
    places = [_place(word, other.words, names, language) for word in one.words]
    matched = [place for place in places if place is not None]
    if matched != sorted(matched):
        return False
    alone = [word for word, place in zip(one.words, places, strict=True) if place is None]
    alone += [word for at, word in enumerate(other.words) if at not in matched]
    # "HTTP 403" and "HTTP status 403"
    return not alone or (len(matched) > 1 and len(alone) == 1 and alone[0] in _GENERIC)


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
        return stem(word) == stem(other)
    short, long = sorted((word, other), key=len)
    if len(short) < _SHORTEST or len(long) - len(short) > _LONGER:
        return False
    if language == "sv" and long == f"{short}s":
        return False  # passive
    return long.startswith(short[:-1])


@cache
def _dropped(language: str) -> frozenset[str]:
    own = frozenset(_PHRASES[language]["dropped"].split())
    return own | small_words(language) | (STOP if language == "en" else frozenset())


@cache
def _polar(language: str) -> frozenset[str]:
    return frozenset(_PHRASES[language]["polar"].split())


@cache
def _kinds(language: str) -> tuple[Mapping[tuple[str, ...], tuple[str, str]], int]:
    """The kind and the property of each phrase, and the number of words of the longest one."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for kind, text in _PHRASES[language].items():
        if kind not in {"dropped", "polar"}:
            for each in text.split(","):
                phrase, _, named = each.partition("=")
                words = tuple(_WORD.findall(phrase.casefold()))
                found.setdefault(words, (kind, named.strip() or words[-1]))
    return found, max(map(len, found))
