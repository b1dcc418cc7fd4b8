"""Question frames: the kind and the words of a question, without the phrases that only lead to it. Pure, linear.

"What's the reason cats purr?" and "Why do cats purr?" ask *why* about *cats purr*. Two questions of one kind
about the same words say the same far more often than their cosine tells. The phrases of nine languages are
in ``frames.toml``; in other languages no two questions are framed alike (``framing.py``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from routing.reuse.function_words import english_tenses
from routing.reuse.languages import small_words
from routing.reuse.lexicon import STOP, TENSES

LISTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
PHRASES: dict[str, dict[str, str]] = LISTS["phrases"]
_PARTICLES = {name: frozenset(words.split()) for name, words in LISTS["particles"].items()}
SAME = {word: words.split()[0] for words in LISTS["same"].values() for word in words.split()}
_WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"[^\w\s?!.,;:'\u2018\u2019\"\u201c\u201d\u201e«»()¿¡…-]+")
_DIFFERENCE = "difference"
_AGENTS, _MEASURES = (frozenset(LISTS[name].split()) for name in ("agents", "measures"))
# First words that ask for a yes or a no, and add nothing.
_ASKING = frozenset(LISTS["asking"].split())
_POSSESSIVE = re.compile(r"\b([^\W\d_]+)['\u2019]s ([^\W\d_]+)")
_BRACKETS = re.compile(r"[()]")
_CONTRACTED = re.compile(
    r"\b(?:(ca|wo)|(do|does|did|is|are|was|were|has|have|had|could|would|should))n['\u2019]?t\b",
    re.IGNORECASE,
)
# How people ask for an amount in another unit.
_CONVERTED = (
    re.compile(
        r"\bhow many ([^\W\d_]+) (?:(?:are|is|in|make)(?: in)? )?(\d[\d.,]*) ?([^\W\d_]+)(?: are| is| make)?\W*$"
    ),
    re.compile(
        r"^\W*(?:convert |what(?:'s| is| are) |how much (?:is|are) )?(\d[\d.,]*) ?([^\W\d_]+)"
        r" (?:in|to|into) ([^\W\d_]+)\W*$"
    ),
)
# Of each language the word for "of" and its other forms; a phrase that ends with the first may end with any.
_OF = {name: words.split() for name, words in LISTS["of"].items()}
_DOERS, _LINKS = (frozenset(LISTS[name].split()) for name in ("doers", "links"))
# A topic before the question: with "in" before it, or a colon behind it.
_TOPIC = re.compile(
    r"^\W*(?:(?:in|on|with|using|for) ([^,:?]{1,30}?)[,:]? (?=(?:how|what|why|where|when|which|is|are|can|do|does)\b)"
    r"|(\w[\w.+#]{0,20}): )(.*)$",
    re.IGNORECASE,
)
_PASSIVE = frozenset({"is", "are", "was", "were"})


@dataclass(frozen=True, slots=True)
class Frame:
    """One question: its ``kinds`` (why, how, count …; none for a definition), its ``words`` in their order, ``links``
    by the place of the word behind them, the properties to be ``named`` (height, cost …), and the small words, signs and
    tenses that may turn it. ``large`` are the words that are written so, ``names`` those of them that have no other
    forms; ``shape`` tells a doer or a passive verb."""

    kinds: frozenset[str]
    words: tuple[str, ...]
    links: Mapping[int, str]
    named: frozenset[str]
    particles: tuple[str, ...]
    signs: tuple[str, ...]
    tenses: frozenset[str]
    names: frozenset[str]
    large: frozenset[str]
    shape: frozenset[str]

    @property
    def turning(self) -> object:
        """All that must be the same in both questions."""
        return self.kinds, self.named, self.particles, self.signs


@lru_cache(maxsize=8_192)
def frame_of(question: str, language: str) -> Frame:
    """Read a question by the phrases of one language."""
    written = _WORD.findall(_in_full(question) if language == "en" else question)
    said = [word.casefold() for word in written]
    reading = _Reading(language).read(said)
    small = _PARTICLES[language]
    words = [SAME.get(word, word) for word in reading.about if word not in small]
    kinds = frozenset(reading.kinds)
    particles = sorted(word for word in reading.about if word in small)
    if _DIFFERENCE in {*words, *reading.named}:
        # "How do A and B differ?" and "What is the difference between A and B?"
        kinds, particles = kinds - {"how", "why"}, []
    if not _AGENTS.isdisjoint(words):
        # "Who wrote it?" and "Who is the author?"
        kinds -= {"who"}
    matter = tuple(word for word in words if word not in _MEASURES)
    large = frozenset(word.casefold() for word in written[1:] if not word.islower())
    return Frame(
        kinds=kinds,
        words=matter,
        links={matter.index(word): by for word, by in reading.links.items() if word in matter[1:]},
        named=frozenset(reading.named) | _MEASURES.intersection(words),
        particles=tuple(particles),
        signs=tuple(sorted(_SIGNS.findall(question))),
        tenses=_tenses(said, language),
        # German writes all nouns so.
        names=large if language != "de" else frozenset(),
        large=large,
        shape=_shape(said, language),
    )


def _tenses(words: Sequence[str], language: str) -> frozenset[str]:
    if language == "en" and (told_by_two := english_tenses(words)):
        return told_by_two
    # "Was" is a tense in English alone.
    phrases, _ = _kinds(language)
    told = {word for word in words if phrases.get((word,), ("", ""))[0] != "plain"}
    return frozenset(name for name, forms in TENSES.items() if not forms.isdisjoint(told))


def _shape(said: Sequence[str], language: str) -> frozenset[str]:
    """Whether an English question tells a doer or has a passive verb."""
    if language != "en":
        return frozenset()
    if not _DOERS.isdisjoint(said):
        return frozenset({"active"})
    return frozenset({"passive"} if not _PASSIVE.isdisjoint(said[:3]) else ())


def _in_full(question: str) -> str:
    """English without contracted negations, topics behind, conversions in one form, and "Mongolia's capital" as "capital of
    Mongolia"."""
    question = _CONTRACTED.sub(_negated, question)
    if found := _TOPIC.search(question):
        question = f"{found[3]} in {found[1] or found[2]}"
    amount, unit = _CONVERTED
    if found := amount.search(question.casefold()):
        question = f"convert {found[2]} {found[3]} {found[1]}"
    elif found := unit.search(question.casefold()):
        question = f"convert {found[1]} {found[2]} {found[3]}"
    return _without_possessives(question)


def _negated(found: re.Match[str]) -> str:
    verb = {"ca": "can", "wo": "do"}.get((found[1] or "").casefold(), found[2])
    return f"{verb} not"


def _without_possessives(question: str) -> str:
    """ "Mongolia's capital" as "capital of Mongolia"."""
    return _POSSESSIVE.sub(
        lambda found: found[0] if found[1].casefold() in STOP else f"{found[2]} of {found[1]}",
        question,
    )


@dataclass(slots=True)
class _Reading:
    """The part of a question that was read, in one language: kinds, properties to be named, words, and the links
    between them."""

    language: str
    kinds: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    about: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    link: str = ""

    def read(self, words: Sequence[str]) -> _Reading:
        """Read all words."""
        for kind, word in _pieces(words, self.language):
            match kind:
                case "":
                    self._word(word)
                case "named":
                    self.named.add(SAME.get(word, word))
                case "recipe":
                    self.kinds.add("how")
                    self.named.add("make")
                case "plain":
                    pass
                case _:
                    self.kinds.add(kind)
        return self

    def _word(self, word: str) -> None:
        if word in _polar(self.language) and not (self.kinds or self.named or self.about):
            self.kinds.add("polar" if word in _ASKING else f"polar {word}")
        elif word not in _dropped(self.language) or word in _PARTICLES[self.language]:
            self.about.append(word)
            if self.link:
                self.links.setdefault(SAME.get(word, word), self.link)
            self.link = ""
        elif word in _LINKS and self.about:
            self.link = word


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


@cache
def _dropped(language: str) -> frozenset[str]:
    own = frozenset(PHRASES[language]["dropped"].split())
    return own | small_words(language) | (STOP if language == "en" else frozenset())


@cache
def _polar(language: str) -> frozenset[str]:
    return frozenset(PHRASES[language]["polar"].split())


@cache
def _kinds(language: str) -> tuple[Mapping[tuple[str, ...], tuple[str, str]], int]:
    """The kind and the property of each phrase, and the number of words of the longest one."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for kind, text in PHRASES[language].items():
        if kind not in {"dropped", "polar"}:
            for row in text.split(","):
                phrase, _, named = row.partition("=")
                for words in _forms(phrase.casefold(), language):
                    found.setdefault(words, (kind, named.strip() or words[-1]))
    return found, max(map(len, found))


def _forms(phrase: str, language: str) -> Iterator[tuple[str, ...]]:
    """The words of a phrase, with each choice of the words parted by lines in brackets, and each form of "of" at its
    end."""
    of = _OF.get(language, [])
    for chosen in product(*(part.split("|") for part in _BRACKETS.split(phrase))):
        words = tuple(_WORD.findall("".join(chosen)))
        yield words
        if of and words[-1] == of[0]:
            yield from ((*words[:-1], form) for form in of[1:])
