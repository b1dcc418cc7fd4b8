"""Feature extraction: the words, numbers, names, quotations and kind of one question. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from routing.common.text import unicode_form
from routing.reuse.function_words import FunctionWords, closed, coordinated, function_words
from routing.reuse.languages import LATIN, language_of
from routing.reuse.lexicon import (
    ACTIONS,
    NEGATED_LANGUAGES,
    NEGATIONS,
    POLAR,
    QUESTIONS,
    STOP,
    TIMEBOUND,
)

LISTED = frozenset({"LATIN", ""})
"""Scripts that the lists of words cover; of the others not even words are told apart."""
LONGEST = 2_000
"""Characters of a question that are read."""

_TOKEN = re.compile(
    r"[#$€£¥]?\d[\w.,:/-]*\w|[#$€£¥]?\d|#?[^\W\d_][\w'&]*(?:[-_.:/+]\w+)*(?:\+\+|#)?|%|[$€£¥]"
)
_QUOTED = re.compile(r"“([^“”]+)”|\"([^\"]+)\"|(?<!\w)'([^']{2,})'(?!\w)|`([^`]+)`|«([^«»]+)»")
_QUALIFIED = re.compile(r"(?<!\S)([a-z]+:[^\s/,;:]+)")
_FROM_TO = re.compile(
    r"(?<!\S)[^\w\s]*+(?:from\s+)?(\S+)\s+(?:to|into|in|→|->|over)\s+(?:an?\s+|the\s+|my\s+)?(\S+)"
)
_TO_FROM = re.compile(
    r"(?<!\S)(?:to|into|onto)\s+(?:an?\s+|the\s+|my\s+)?(\S+)\s+(?:from|out\s+of|off)\s+(?:an?\s+|the\s+|my\s+)?(\S+)"
)
CASED = r"(?<!\S)--?[A-Za-z][\w-]*+|\\[A-Za-z]++|(?<![\w%])%[A-Za-z](?!\w)"
"""Pattern of options, escapes and formats, which mean something else where they are written large."""
_SYNTAX = re.compile(
    CASED
    + r"|(?<![-+*/%=<>!&|^~:])(?!!+(?![-+*/%=<>!&|^~]))[-+*/%=<>!&|^~]{2,4}(?![-+*/%=<>!&|^~])"
    r"|(?<!\S)[-+*/%=<>&|^~](?!\S)|(?<=\w)[<>](?=\w)"
    # before or behind a name: "i++", "++i", "sorted(", ".sort("
    r"|(?<![\w+-])(?:\+\+|--)[A-Za-z]\w{0,40}|(?<!\w)[a-z]\w{0,40}(?:\+\+|--)(?![\w+-])|(?<![\w.])\.?[A-Za-z]\w{0,40}\("
)
_IDENTIFIER = re.compile(
    r"(?<![\w.@/-])(?:[A-Za-z]++(?:[._]++[A-Za-z][A-Za-z0-9]*+)++|[a-z]++[A-Z]\w*+)"
)
_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_NUMBERS.split())}
_NUMBER_WORDS |= {"once": "1", "twice": "2", "hundred": "100", "thousand": "1000", "dozen": "12"}
_TENS = "thirty forty fifty sixty seventy eighty ninety"
_NUMBER_WORDS |= {word: str(value * 10) for value, word in enumerate(_TENS.split(), start=3)}
_MULTIPLIERS = frozenset({"dozen", "hundred", "thousand"})
# "one" is more often a pronoun than a number
del _NUMBER_WORDS["one"]
_SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
_QUOTES = str.maketrans("\u2018\u2019", "''")
_URGENT = re.compile(
    r"\bright now\b|\bat (?:the|this) moment\b|\bas of (?:today|now)\b|\bso far today\b|\breal[- ]time\b"
    r"|\bup to the minute\b|\bthis very (?:moment|minute)\b"
)
_OWN = frozenset({"my", "mine", "our", "me", "i"})
_CLITIC = re.compile(r"(?:n't|'(?:s|re|ve|ll|d|m))$")
_INVERTED = re.compile(r"(?:-t)?-(?:on|ils?|elles?|je|tu|nous|vous|ce|se|me|lhe)$")
"""Pronouns after a verb in French and Portuguese."""
_ENDINGS = tuple(
    ending.partition(":")[::2]
    for ending in [
        "ization:iz",
        "isation:iz",
        "ations:at",
        "ation:at",
        "ments:",
        "ment:",
        "ities:",
        "ity:",
        "nesses:",
        "ness:",
        "ings:",
        "ing:",
        "ies:i",
        "ied:i",
        "sses:ss",
        "ers:er",
        "ed:",
        "ly:",
        "es:",
        "s:",
    ]
)
"""Endings of words, each with its replacement; the first that fits is taken."""


@dataclass(frozen=True, slots=True)
class QuestionFeatures:
    """One question. Words are stems in their order, ``matter`` those that say something; sets are
    compared as a whole. ``listed``: lists of words cover its negations."""

    words: tuple[str, ...]
    matter: tuple[str, ...]
    content: frozenset[str]
    numbers: frozenset[str]
    codes: frozenset[str]
    names: frozenset[str]
    quoted: frozenset[str]
    syntax: frozenset[str]
    counted: tuple[tuple[str, frozenset[str]], ...]
    negations: int
    directed: frozenset[tuple[str, str]]
    question: str
    script: str
    language: str
    listed: bool
    action: bool
    timebound: bool
    urgent: bool
    function_words: FunctionWords


@lru_cache(maxsize=8_192)
def question_features(text: str) -> QuestionFeatures:
    """Features of the first ``LONGEST`` characters of a question."""
    normal = unicode_form("NFKC", text[:LONGEST])[:LONGEST]
    text = normal.translate(_QUOTES)
    raw = _TOKEN.findall(text)
    lowered = [_plain(token) for token in raw]
    numbers, codes = _figures(raw)
    said = coordinated([word for word in lowered if word and not _is_figure(word)])
    words = tuple(map(stem, said))
    words += tuple(stem(_SIGNS[char]) for char in text if char in _SIGNS)
    negating = frozenset(map(stem, NEGATIONS))
    script, language = _script(text), language_of(normal)
    plain = (stem(word) for word in lowered if word not in STOP and not _is_figure(word))
    matter = tuple(word for word in plain if word and word not in negating)
    return QuestionFeatures(
        words=words,
        matter=matter,
        content=frozenset(matter),
        numbers=numbers,
        codes=codes | frozenset(_QUALIFIED.findall(text.casefold())),
        names=_names(raw),
        quoted=frozenset(_quotations(text)),
        syntax=frozenset(_SYNTAX.findall(text)) | _identifiers(text),
        counted=tuple(_counted(lowered)),
        negations=sum(_negates(token) for token in closed([token.casefold() for token in raw])),
        directed=_directed(text),
        question=_question(lowered),
        script=script,
        language=language,
        listed=script in LISTED and language in (LATIN, *NEGATED_LANGUAGES),
        action=_acts(lowered) and bool(_OWN & set(lowered) or numbers or codes),
        timebound=any(word in TIMEBOUND for word in lowered),
        urgent=_URGENT.search(text.casefold()) is not None,
        function_words=function_words(normal),
    )


@lru_cache(maxsize=32_768)
def stem(word: str) -> str:
    """A word without its common English endings: rough, quick and the same every time."""
    if len(word) <= 3 or not word.isalpha():
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return _bare(word[: -len(ending)] + instead)
    return _bare(word)


def _bare(word: str) -> str:
    """Without a doubled consonant and a last vowel, so that stop, stopping and use, using meet."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word[-1] == "y" else word


@lru_cache(maxsize=32_768)
def _plain(token: str) -> str:
    bare = _INVERTED.sub("", _CLITIC.sub("", token.casefold()))
    return bare.replace("'", "").strip("#.,:/-")


@lru_cache(maxsize=32_768)
def _is_figure(word: str) -> bool:
    return _has_digit(word) or word in _NUMBER_WORDS


@lru_cache(maxsize=32_768)
def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _figures(raw: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Numbers by their value, and codes: figures with letters or signs between them."""
    numbers, codes = set(), set()
    before = ""
    for token in raw:
        bare = token.casefold().strip("#$€£¥.,:")
        if bare in _MULTIPLIERS and before:
            numbers.discard(before)
            numbers.add(f"{float(before) * int(_NUMBER_WORDS[bare]):g}")
            before = ""
            continue
        before = _NUMBER_WORDS.get(bare, "")
        if before:
            numbers.add(before)
        elif _has_digit(bare):
            plain = bare.replace(",", "")
            if re.fullmatch(r"\d+(?:\.\d+)?", plain) and not token.startswith("#"):
                numbers.add(f"{float(plain):g}" if len(plain) < 7 else plain)
            else:
                codes.add(bare)
    return frozenset(numbers), frozenset(codes)


def _counted(lowered: list[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each number with the stems of the words that follow it, two at most and none behind a small word."""
    for at, word in enumerate(lowered):
        number = _NUMBER_WORDS.get(word, word if word.isdigit() else "")
        if number:
            following = takewhile(
                lambda each: each not in STOP and not _is_figure(each), lowered[at + 1 : at + 3]
            )
            if stems := frozenset(map(stem, following)):
                yield number, stems


def _identifiers(text: str) -> frozenset[str]:
    """Names as code and hosts have them: with dots or lines in them, or with a capital inside."""
    found = _IDENTIFIER.findall(text)
    return frozenset(
        stem(name.casefold()) for name in found if any(len(part) > 1 for part in name.split("."))
    )


def _names(raw: list[str]) -> frozenset[str]:
    """Words that begin large inside a sentence; none where every second one does (a title)."""
    words = [token for token in raw if token[0].isalpha()]
    large = [
        t for at, t in enumerate(words) if t[0].isupper() and (at or (t.isupper() and len(t) > 1))
    ]
    if len(large) * 2 > max(len(words), 4):
        large = [token for token in large if token.isupper() and len(words) > 2]
    return frozenset(stem(_plain(t)) for t in large if _plain(t) not in STOP) - {""}


def _quotations(text: str) -> list[str]:
    return [
        " ".join("".join(found).casefold().split()).rstrip(".?!,")
        for found in _QUOTED.findall(text)
    ]


@lru_cache(maxsize=32_768)
def _negates(token: str) -> bool:
    lowered = token.casefold()
    return lowered.endswith("n't") or lowered.replace("'", "") in NEGATIONS


def _directed(text: str) -> frozenset[tuple[str, str]]:
    pairs = _FROM_TO.findall(text.casefold())
    # "To B from A" is "from A to B".
    pairs += [(left, right) for right, left in _TO_FROM.findall(text.casefold())]
    return frozenset(
        (stem(_plain(left.strip("?.!,"))), stem(_plain(right.strip("?.!,"))))
        for left, right in pairs
    )


def _question(lowered: list[str]) -> str:
    """Kind of question: by its first question word, else yes or no, else none."""
    if lowered[:1] and lowered[0] in POLAR:
        return "polar"
    for word in lowered:
        if word in QUESTIONS:
            return QUESTIONS[word]
    return "none"


def _script(text: str) -> str:
    """The alphabet most letters are from, by the first word of their Unicode names."""
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text)) else ""
    seen: dict[str, int] = {}
    for char in text[:200]:
        if char.isalpha():
            name = "LATIN" if char.isascii() else unicodedata.name(char, "?").split()[0]
            seen[name] = seen.get(name, 0) + 1
    return max(seen, key=seen.__getitem__) if seen else ""


def _acts(lowered: list[str]) -> bool:
    """Whether it opens like an order to do something."""
    at = 0
    while at < len(lowered) and lowered[at] in {"please", "can", "could", "you", "kindly", "just"}:
        at += 1
    return at < len(lowered) and lowered[at] in ACTIONS
