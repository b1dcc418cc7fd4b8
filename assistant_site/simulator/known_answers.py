"""Known answers: texts written once for first questions, in five languages, found by the words of a prompt."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from assistant_site.simulator.languages import LANGUAGES, Language, language_of

_TEXTS = Path(__file__).with_name("texts")
_LONGEST = 300  # characters of a prompt that is looked up
_EMAIL = re.compile(r"\be-mail")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_WORD = re.compile(r"[^\W_]+")
_STEM = 4  # letters from which on a word may have an ending
# Inflections of the five languages; "rain" is not the beginning of "rainbow".
_ENDING = re.compile(
    r"(?:e|es|ed|d|s|er|ers|ing|ings|ion|ions|ity|ely|ly|y|ies|is|on|ve|al|an|ic|ison|ation|ment|n|en|em|r|t|te"
    r"|ten|ter|tes|a|o|as|os|ar|ir|ado|ada|ados|adas|ando|x|ent|ons|ez|ant)?"
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One way to ask: a prompt needs a word of each group."""

    groups: tuple[tuple[str, ...], ...]

    def fits(self, asked: list[str]) -> bool:
        return all(
            any(_is(word, stem) for word in asked for stem in group) for group in self.groups
        )

    def covers(self, word: str) -> bool:
        return any(_is(word, stem) for group in self.groups for stem in group)


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """One text, and the prompts that get it: those of ``exactly``, and those with all words of one way to ask
    and none beside them but ``also`` and the filler of the language."""

    language: Language
    text: str
    ways: tuple[_Wanted, ...]
    also: tuple[str, ...]
    exactly: frozenset[str]

    def fits(self, asked: list[str], filler: frozenset[str]) -> bool:
        """Whether a prompt of these words asks for it."""
        if " ".join(asked) in self.exactly:
            return True
        rest = [word for word in asked if word not in filler]
        return any(
            way.fits(asked)
            and all(way.covers(word) or any(_is(word, stem) for stem in self.also) for word in rest)
            for way in self.ways
        )


@lru_cache(maxsize=512)
def known_answer(prompt: str) -> KnownAnswer | None:
    """The answer to a first question, or ``None`` for any other prompt."""
    if len(prompt) > _LONGEST:
        return None
    asked = prompt_words(prompt)
    first = language_of(prompt)
    for language in (first, *(other for other in LANGUAGES if other != first)):
        filler, answers, _ = _read(language)
        for answer in answers:
            if answer.fits(asked, filler):
                return answer
    return None


def stand_in(prompt: str, model: str, topic: str) -> str:
    """The text for all other prompts, in the prompt's language."""
    return _texts(prompt)["stand_in"].format(model=model, topic=topic)


def greeting(prompt: str, name: str) -> str:
    """The answer to somebody who tells their name."""
    return _texts(prompt)["greeting"].format(name=name)


def told_name(prompt: str, name: str | None) -> str:
    """The answer to "What is my name?"; ``None`` where it was not told."""
    return _texts(prompt)["your_name" if name else "no_name"].format(name=name)


def _texts(prompt: str) -> dict[str, str]:
    return _read(language_of(prompt))[2]


def prompt_words(text: str) -> list[str]:
    """Words in their order: lower case, without accents and the English possessive; the root sign is a word."""
    bare = unicodedata.normalize("NFKD", text.casefold().replace("\N{SQUARE ROOT}", " sqrt "))
    bare = "".join(char for char in bare if not unicodedata.combining(char))
    return _WORD.findall(_POSSESSIVE.sub("", _EMAIL.sub("email", bare)))


def _is(word: str, stem: str) -> bool:
    if stem.endswith("*"):
        return word.startswith(stem[:-1])
    if word == stem:
        return True
    if len(stem) < _STEM or not word.startswith(stem):
        return False
    return _ENDING.fullmatch(word, len(stem)) is not None


@cache
def _read(language: Language) -> tuple[frozenset[str], tuple[KnownAnswer, ...], dict[str, str]]:
    """Filler words, answers and other texts of one language."""
    table = tomllib.loads((_TEXTS / f"{language}.toml").read_text(encoding="utf-8"))
    answers = tuple(
        KnownAnswer(
            language=language,
            text=item["text"].strip(),
            ways=tuple(_Wanted(tuple(_groups(way))) for way in item.get("words", ())),
            also=tuple(_stems(item.get("also", ""))),
            exactly=frozenset(item.get("exactly", "").split("|")) - {""},
        )
        for item in table["answers"]
    )
    return frozenset(_stems(table["filler"])), answers, table["texts"]


def _groups(way: str) -> Iterator[tuple[str, ...]]:
    for group in way.split():
        yield tuple(stem for part in group.split("|") for stem in _stems(part))


def _stems(text: str) -> list[str]:
    # A star stays: any ending will do.
    return [word + "*" * part.endswith("*") for part in text.split() for word in prompt_words(part)]
