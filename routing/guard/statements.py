"""Pattern rules over words: statements of a text that tell something of one person.

The rules are data (``statements.toml``): an opening, and words that must follow within its clause. Every
opening looks at a bounded number of words, so the work is linear in the text.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from routing.guard.tokenized_prompt import plain

_TOKEN = re.compile(r"\w+(?:[-/.]\w+|,\d+)*|[^\w\s'\u2018\u2019`\"\u201c-\u201e\u00ab\u00bb]|\n")
_ABBREVIATED = re.compile(r"(\b(?:nr|no|num|n|r|av|tel|c)|str)\.(?= ?\w)", re.IGNORECASE)
_PART = re.compile(r"[-/.]")
_STOPS = frozenset(".!?;\n")
_SKIPPED = frozenset(",:\n-")
"""Punctuation that an opening may contain: "Best regards,\\nAda"."""
_AFTER_COMMAS = {"<name>", "<postcode>"}
_SHORTEST, _LONGEST = 3, 16
"""Letters of a beginning or an end of a word that rules may name."""
_POSTCODE = 5
"""Digits of a postcode in Germany, France, Spain and Italy."""
_INVENTED = frozenset(("fiction", "introduction", "name", "life", "health"))
"""Kinds that a character tells, not a person: "Write a scene in which my neighbour drinks"."""
_YEAR = re.compile(r"(?:19|20)\d\d\.?")
_AMOUNT = re.compile(r"\d+(?:[.,/]\d+)*(?:k|€)?")

Keys = frozenset[str]


class FoldedWord(NamedTuple):
    """A word or a mark: its folded form, and everything that a rule may call it."""

    word: str
    keys: Keys


class StatementRule(NamedTuple):
    """One kind of statement. ``words`` empty: the opening is enough. ``before`` and ``also`` are words one of
    which must stand in the window too; ``over`` empty: any word may stand between."""

    kind: str
    within: int
    words: Keys
    over: Keys
    never: Keys
    before: Keys
    also: Keys


Opening = tuple[tuple[Keys, ...], StatementRule]


def personal_statements(text: str) -> frozenset[str]:
    """Kinds of personal statements in ``text``, or none."""
    tokens = [*_tokens(_ABBREVIATED.sub(r"\1 ", plain(text)))]
    kinds: set[str] = set()
    invented = False
    for at, token in enumerate(tokens):
        found = {
            rule.kind
            for key in token.keys & _FIRST.keys()
            for opening, rule in _FIRST[key]
            if _holds(tokens, at, opening, rule)
        }
        # an order for fiction holds for the rest of its sentence
        invented = token.word not in _STOPS and (invented or "fiction" in found)
        kinds |= found - _INVENTED if invented else found
    return frozenset(kinds)


def _holds(
    tokens: Sequence[FoldedWord], at: int, opening: tuple[Keys, ...], rule: StatementRule
) -> bool:
    end = _after(tokens, at, opening)
    if end is None or any(token.keys & rule.never for token in tokens[at:end]):
        return False
    if not rule.words:
        return True
    seen: set[str] = set()
    found = False
    for token in tokens[end : end + rule.within]:
        if token.word in _STOPS or token.keys & rule.never or (token.word == "," and not rule.over):
            break
        seen |= token.keys
        # the word that a rule wants before comes first: "our tenant Derek"
        if token.keys & rule.words and (not rule.before or seen & rule.before):
            found = True
            if not rule.also:
                break
        elif rule.over and not token.keys & rule.over and token.word not in _SKIPPED:
            break
    return found and (not rule.also or bool(seen & rule.also))


def _after(tokens: Sequence[FoldedWord], at: int, opening: tuple[Keys, ...]) -> int | None:
    """Where the text goes on after an opening that begins at ``at``."""
    for number, wanted in enumerate(opening):
        skipped = 0 if number == 1 or wanted & _AFTER_COMMAS else 2
        while (
            number
            and skipped < 2
            and at < len(tokens)
            and (tokens[at].word in _SKIPPED and not tokens[at].keys & wanted)
        ):
            at, skipped = at + 1, skipped + 1
        if at >= len(tokens) or not tokens[at].keys & wanted:
            return None
        at += 1
    return at


def _tokens(text: str) -> Iterator[FoldedWord]:
    # Words come again: each is folded once in a text, and no word is kept after it.
    known: dict[str, FoldedWord] = {}
    for match in _TOKEN.finditer(text):
        piece = match[0]
        whole = any(map(str.isdigit, piece)) or len(piece) == 1
        for part in (piece,) if whole else _PART.split(piece):
            if (word := known.get(part)) is None:
                word = known[part] = FoldedWord(part.casefold(), _keys(part))
            yield word


def _keys(piece: str) -> Keys:
    word = piece.casefold()
    keys = {word} | _classes(piece)
    if len(word) >= _SHORTEST:
        most = min(len(word), _LONGEST)
        keys.update(word[:size] + "*" for size in range(_SHORTEST, most + 1))
        keys.update("*" + word[-size:] for size in range(_SHORTEST, min(len(word) - 1, most) + 1))
    return frozenset(keys & _NAMED)


def _classes(piece: str) -> set[str]:
    digits = sum(map(str.isdigit, piece))
    if not digits:
        named = piece[:1].isupper() and (piece[1:].islower() and len(piece) > 1)
        if piece == ",":
            return {"<comma>"}
        return {"<word>", "<name>"} if named else {"<word>"} if piece[:1].isalpha() else set()
    classes = {"<word>"}
    if piece[0].isdigit():
        classes.add("<number>")
        if _AMOUNT.fullmatch(piece.casefold()) and (digits > 2 or piece.casefold().endswith("k")):
            classes.add("<amount>")
    by_digits = {
        "<digits>": digits > 2 and not _YEAR.fullmatch(piece),
        "<pin>": digits > 3,
        "<postcode>": digits == len(piece) == _POSTCODE,
    }
    classes.update(name for name, told in by_digits.items() if told)
    if len(piece) > 4 and any(map(str.isalpha, piece)):
        classes.add("<mixed>")
        if piece.isupper() and "_" not in piece:
            classes.add("<code>")
    return classes


def _read_rules() -> Iterator[tuple[str, Opening]]:
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    for each in data["rule"]:
        lists = {name: frozenset(each.get(name, "").split()) for name in StatementRule._fields[2:]}
        rule = StatementRule(each["kind"], each.get("within", 0), **lists)
        for written in each["openings"].split(","):
            words = written.strip().format(**data["lists"]).split()
            opening = tuple(frozenset(word.split("/")) for word in words)
            for first in opening[0] if opening else ():
                yield first, (opening, rule)


_FIRST: dict[str, list[Opening]] = {
    first: [opening for _, opening in group]
    for first, group in itertools.groupby(sorted(_read_rules(), key=lambda e: e[0]), lambda e: e[0])
}
_NAMED: frozenset[str] = frozenset(
    itertools.chain.from_iterable(
        (key for keys in (*opening, *rule[2:]) for key in keys)
        for openings in _FIRST.values()
        for opening, rule in openings
    )
)
