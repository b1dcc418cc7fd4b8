"""Tokenizer: a prompt in one spelling, then as words with the concepts they may stand for.

The guard alone reads this form; the prompt goes on unchanged. Every step is linear in the length
of the text.
"""

# ruff: noqa: RUF001 - letters and quotation marks of several alphabets

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from routing.common.text import unicode_form

# At most so many encoded passages are read, and so many characters of each.
MAX_PASSAGES = 16
MAX_ENCODED_CHARS = 8192

_UNSEEN = re.compile(
    "[\u0300-\u036f\u00ad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
# Single characters that stand for up to eighteen: written out they would multiply the work.
_WHOLE_PHRASES = dict.fromkeys(range(0xFDF0, 0xFDFE), " ")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[\n ]*")
_LOOKALIKES = str.maketrans(
    "авсеһіјкмнорԛѕтухԝѵАВСЕНІЈКМОРЅТУХαβεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "abcehijkmhopqstyxwvABCEHIJKMOPSTYXabeiknoptuxABEZHIKMNOPTYX",
)
_GREEK_OR_CYRILLIC = re.compile("[\u0370-\u052f]")
_LATIN = re.compile("[A-Za-z]")
_WORD = re.compile(r"\w+")

_SPACED = re.compile(r"(?<!\w)[^\W_](?:[ .\-_*|/]{1,3}[^\W_](?!\w)){5,}")
_BASE64 = re.compile(r"(?<![\w+/-])[\w+/-]{20,}")
_HEX = re.compile(r"(?:(?:\\x|\\u00|%|0x)?[0-9a-fA-F]{2}[ ,:]?){10,}")
_HEX_PAIR = re.compile(r"(?:\\x|\\u00|%|0x)?([0-9a-fA-F]{2})")
_BINARY = re.compile(r"(?:[01]{8}[ ,]?){6,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BACKWARDS = ("erongi", "noitcurtsni", "drageresid", "suoiverp", "tpmorp")


def _shift(by: int) -> dict[int, int]:
    turned = _LETTERS[by:] + _LETTERS[:by]
    return str.maketrans(_LETTERS + _LETTERS.upper(), turned + turned.upper())


# Telling words as every Caesar cipher writes them, with the shift that brings them back.
_SHIFTED = {
    word.translate(_shift(by)): 26 - by
    for by in range(1, 26)
    for word in ("instruction", "previous", "prompt")
}
_TELLING_LENGTHS = sorted({len(word) for word in _SHIFTED})
_LONG_WORD = re.compile(r"(?<![A-Za-z])[A-Za-z]{6,14}(?![A-Za-z])")
# How much a description counts, beside a command.
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


def plain(text: str) -> str:
    """Compatibility forms, accents, unseen characters, look-alike letters and extra blanks gone.

    Case and single line ends stay: they tell where a command begins.
    """
    if not text.isascii():
        text = _UNSEEN.sub("", unicode_form("NFKD", text.translate(_WHOLE_PHRASES)))
        text = _unmasked(unicode_form("NFKC", text))
    return _LINES.sub("\n", _BLANKS.sub(" ", text.replace("\r", "\n"))).strip()


def fold(text: str) -> str:
    """``plain`` without case. For matching, never for showing or storing."""
    return plain(text).casefold()


def hidden_texts(text: str) -> Iterator[str]:
    """Decodings of the text: spaced-out letters, base64, hexadecimal or binary codes, a Caesar
    cipher, backwards. Most of them are noise; the caller scores each one."""
    for spaced in _SPACED.finditer(text):
        yield _closed_up(spaced[0])
    for number, blob in enumerate(_BASE64.finditer(text)):
        if number == MAX_PASSAGES:
            break
        yield from _from_base64(blob[0][:MAX_ENCODED_CHARS])
    for codes in _HEX.finditer(text):
        yield from _text_of(bytes.fromhex("".join(_HEX_PAIR.findall(codes[0]))))
    for bits in _BINARY.finditer(text):
        yield from _text_of(bytes(int(byte, 2) for byte in re.findall("[01]{8}", bits[0])))
    if (shift := _caesar(text)) is not None:
        yield text.translate(_shift(shift))
    if any(word in text.lower() for word in _BACKWARDS):
        yield text[::-1]


def _caesar(text: str) -> int | None:
    """The shift that makes a telling word of one of these words, where there is one."""
    for word in {*_LONG_WORD.findall(text.lower())}:
        for length in _TELLING_LENGTHS:
            if word[:length] in _SHIFTED:
                return _SHIFTED[word[:length]]
    return None


def _unmasked(text: str) -> str:
    """Words that mix Latin letters with their doubles from other alphabets, all in Latin."""
    if not _GREEK_OR_CYRILLIC.search(text):
        return text
    return _WORD.sub(
        lambda word: word[0].translate(_LOOKALIKES) if _LATIN.search(word[0]) else word[0], text
    )


def _closed_up(spaced: str) -> str:
    """``i g n o r e  a l l`` as ``ignore all``: the wider gaps, where there are any, part words."""
    words = re.split(r"[ .\-_*|/]{2,3}", spaced)
    if len(words) > len(spaced) / 3:
        words = [spaced]
    return " ".join(re.sub(r"[ .\-_*|/]", "", word) for word in words)


def _from_base64(blob: str) -> Iterator[str]:
    standard = blob.replace("-", "+").replace("_", "/")
    whole = standard[: len(standard) - len(standard) % 4] if len(standard) % 4 == 1 else standard
    try:
        decoded = base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
    except (binascii.Error, ValueError):
        return
    yield from _text_of(decoded)


def _text_of(decoded: bytes) -> Iterator[str]:
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        return
    if text.replace("\n", " ").replace("\t", " ").isprintable():
        yield text


_LEXICON = tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text(encoding="utf-8"))


def words_of(name: str) -> frozenset[str]:
    """A list of the lexicon."""
    return frozenset(fold(_LEXICON[name]).split())


_SUBJECTS, _LEADS = words_of("subjects"), words_of("leads")
_CONJUNCTIONS, _NEGATIONS = words_of("conjunctions"), words_of("negations")
_NEGATIONS_BEHIND = words_of("negations_behind")
_REQUESTING, _ABOUT, _ABOUT_ATTACKS = map(words_of, ("requesting", "about", "about_attacks"))


class ConceptTable:
    """Look-up of concepts by word: ``word*`` stands for any ending, ``two_words`` follow each other."""

    def __init__(self, concepts: Mapping[str, str]) -> None:
        whole: dict[str, set[str]] = {}
        stems: dict[str, set[str]] = {}
        for concept, words in concepts.items():
            for word in fold(words).split():
                table = stems if word.endswith("*") else whole
                table.setdefault(word.removesuffix("*").replace("_", " "), set()).add(concept)
        self._whole = {word: frozenset(names) for word, names in whole.items()}
        self._stems = {stem: frozenset(names) for stem, names in stems.items()}
        self._stem_lengths = sorted({len(stem) for stem in self._stems})
        self.of = lru_cache(maxsize=16_384)(self._of)
        """Concepts that words without case may stand for."""

    def _of(self, word: str) -> frozenset[str]:
        # digits among letters are read as letters
        if not word.isalpha():
            word = word.replace("’", "'")
            if any(letter.isalpha() for letter in word):
                word = word.translate(_DIGIT_LETTERS)
        names = self._whole.get(word, _NOTHING)
        for length in self._stem_lengths:
            if length > len(word):
                break
            names |= self._stems.get(word[:length], _NOTHING)
        return names


_DIGIT_LETTERS = str.maketrans("013457", "oieast")
_NOTHING: frozenset[str] = frozenset()
_CONCEPTS = ConceptTable(_LEXICON["concepts"])
concepts = _CONCEPTS.of


class Word(NamedTuple):
    """A word: ``key`` is it without case, ``clause`` and ``sentence`` count up from 0."""

    number: int
    start: int
    raw: str
    key: str
    clause: int
    sentence: int
    concepts: frozenset[str]


class TokenizedPrompt:
    """The words of a text that went through ``plain``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = [*_split(text)]
        self.keys = {word.key for word in self.words}
        self._marked = [word for word in self.words if word.concepts]
        self._starts = [word.start for word in self.words]
        self._quotes = [match.span() for match in _QUOTED.finditer(text)]
        self._quote_starts = [start for start, _ in self._quotes]
        self._about_attacks = {
            word.sentence + step
            for word in self.words
            if word.key in _ABOUT_ATTACKS
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
        if any(word.key in _NEGATIONS_BEHIND for word in self.ahead(verb, 2)):
            return 0.0
        if not keys:
            return COMMANDED
        if any(key in _NEGATIONS for key in keys[-2:]):
            return 0.0
        if keys[-1] in {"to", "zu"}:
            # "You need to ignore …" is a command, "models need to ignore …" is none.
            requested = keys[-2:-1] == ["you"] or bool(_REQUESTING & {*keys[-4:]})
            return COMMANDED if "you" in keys[-4:] and requested else DESCRIBED
        return self._led(verb, before, keys)

    def discount(self, position: int) -> float:
        """1 for a person's own words, less for a quotation or a word that is talked about."""
        quoted = self._is_quoted(position)
        about = self._is_about(position)
        if quoted and about:
            return 0.3
        return 0.65 if quoted or about else 1.0

    def _led(self, verb: Word, before: list[Word], keys: list[str]) -> float:
        addressed = max((n for n, key in enumerate(keys) if key == "you"), default=-1)
        subject = max((n for n, key in enumerate(keys) if key in _SUBJECTS), default=-1)
        shouted = verb.raw.isupper() and not before[-1].raw.isupper()
        if keys[-1] in _CONJUNCTIONS or shouted or all(key in _LEADS for key in keys):
            return COMMANDED
        if subject > addressed:
            return DESCRIBED
        return COMMANDED if verb.raw[0].isupper() or addressed >= 0 else UNSURE

    def _is_quoted(self, position: int) -> bool:
        # Whether a quotation begins about here. Deep inside one is a document, not a phrase.
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
        if before and before[-1].key in _CONJUNCTIONS and before[-1].clause == word.clause:
            # "Translate this and ignore …" is two commands.
            return False
        return word.sentence in self._about_attacks or any(
            other.key in _ABOUT for other in before if other.sentence == word.sentence
        )


def _split(text: str) -> Iterator[Word]:
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
