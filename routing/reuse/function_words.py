"""Function words: small words of a question that turn its meaning although the topic stays the same.

An embedding moves little when a negation, a quantifier, a tense or the order of the same words changes.
A negation is a veto; the other differences only forbid reuse without a second opinion. Pure, linear in
the length of both questions. The lists cover the languages that the language filter tells apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from routing.reuse.lexicon import (
    BOUNDS,
    MODAL_PHRASES,
    MODALS,
    NEGATIONS_ANYWHERE,
    QUANTIFIERS,
    SMALL,
    TENSES,
)

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# Words at the beginning of a question among which its finite verb stands.
_TENSE_PLACE = 4
# Words that two questions may have for themselves and still be the same in another order.
_OTHERWISE = 2
# Shared words from which a turn of the whole sentence is a phrase that moved.
_PHRASES = 4
# How an English verb tells that something goes on or is done: a name, the words before it, its ending.
_ASPECTS = (("on", "being", "ing"), ("done", "having", "ed"))
_NUMBER = r"(?:\d|(?:one|two|three|four|five|six|seven|eight|nine|ten|half|twice)\b)"
_BOUNDED = re.compile(
    "|".join(rf"(?P<{name}>\b(?:{'|'.join(each)}) {_NUMBER})" for name, each in BOUNDS.items())
)
_MODAL_PHRASES = re.compile(
    "|".join(
        rf"(?P<{name}>^(?:{'|'.join(each)})\b)".replace("\n", "").replace(
            "~", r"[^\W\d_]+(?: [^\W\d_]+)?"
        )
        for name, each in MODAL_PHRASES.items()
    )
)
# Words that speak of the word behind them.
_FOCUS = frozenset({"only", "even"})
_SEEKING, _SUPPORT = frozenset({"who", "whom", "what", "which"}), frozenset({"do", "does", "did"})
_AUXILIARIES = frozenset(MODALS).union(*TENSES.values())
# How far behind "has" its participle stands.
_PARTICIPLE = 6
# Words at the beginning of a question among which an asking one says whom to tell.
_ADDRESSED = 6


@dataclass(frozen=True, slots=True)
class FunctionWords:
    """The small words of one question. ``content`` keeps the other words in their order; ``patient`` where
    something is done to the one who asks. ``modal``: the sense (may, must, should) of a question for yes or no, by its
    first word or by a phrase for the same. There ``does`` says that the asking person does something, and ``suffers``
    that it is done to them. ``aspects`` are English verbs that go on or are done. ``bounds`` are those of its numbers (at least, up to …), ``focus`` the words
    behind "only" and "even". ``sought``: an English question looks for the "subject" of its verb ("Who taught Ann?") or for
    its "object" ("Who did Ann teach?"); empty where neither shows."""

    negation: bool
    soft_negation: bool
    quantifiers: frozenset[str]
    tenses: frozenset[str]
    passive: frozenset[str]
    sentence: bool
    patient: bool
    modal: str
    does: bool
    suffers: bool
    particles: frozenset[str]
    content: tuple[str, ...]
    aspects: frozenset[tuple[str, str]]
    bounds: frozenset[str]
    focus: frozenset[str]
    sought: str


def function_words(text: str) -> FunctionWords:
    """Read a question, in Unicode's form NFKC."""
    said = text.casefold().replace("\u2019", "'")
    words = closed(_WORD.findall(said))
    bare = [word.replace("'", "") for word in words]
    pairs = [*pairwise(bare)]
    return FunctionWords(
        negation=_is_negated(words),
        soft_negation=not SMALL["soft"].isdisjoint(words),
        quantifiers=_quantifiers(bare),
        tenses=_tenses(bare),
        passive=frozenset(
            _root(after)
            for word, after in pairs
            if word in SMALL["passive"] and after.endswith("ed")
        ),
        sentence=not SMALL["opening"].isdisjoint(bare[:2])
        or not SMALL["comparative"].isdisjoint(bare),
        patient=any(
            word in SMALL["patients"] and (at > _ADDRESSED or bare[at - 1] not in SMALL["telling"])
            for at, word in enumerate(bare)
        ),
        modal=_modal(bare),
        does=not SMALL["doers"].isdisjoint(bare),
        suffers=any(map(_names_me, bare)),
        particles=SMALL["particles"].intersection(words),
        content=tuple(_root(word) for word in coordinated(words) if word not in SMALL["benign"]),
        aspects=frozenset(
            (aspect, _root(after))
            for word, after in pairs
            for aspect, before, ending in _ASPECTS
            if word in SMALL[before] and after.endswith(ending)
        ),
        bounds=frozenset(found.lastgroup or "" for found in _BOUNDED.finditer(said)),
        focus=frozenset(_root(after) for word, after in pairs if word in _FOCUS),
        sought=_sought(bare),
    )


def closed(words: Sequence[str]) -> list[str]:
    """The words without a last "or not", which negates nothing."""
    return [*words[: -2 if "-".join(words[-2:]) in SMALL["open_end"] else None]]


def coordinated(words: Sequence[str]) -> list[str]:
    """The words with the two sides of every "A and B", "A or B", "A vs B" in the order of the alphabet."""
    turned = [*words]
    joining = SMALL["coordinating"]
    if SMALL["dutch"].isdisjoint(words):
        joining -= SMALL["dutch_coordinating"]
    for at, word in enumerate(words):
        if word in joining:
            left, right = at - 1, at + 1
            right += right < len(words) and words[right] in SMALL["articles"]
            if left >= 0 and right < len(words) and turned[right] < turned[left]:
                turned[left], turned[right] = turned[right], turned[left]
    return turned


def _is_negated(words: Sequence[str]) -> bool:
    before = ("", *words)
    if any(
        _negates(word) and (last, word) != ("come", "mai")  # Italian for "why"
        for last, word in zip(before, words, strict=False)
    ):
        return True
    return "no" in words and SMALL["portuguese"].isdisjoint(words)


def _quantifiers(words: Sequence[str]) -> frozenset[str]:
    found = {QUANTIFIERS[word] for word in words if word in QUANTIFIERS}
    if any(
        QUANTIFIERS.get(word) == "all" and after in SMALL["leaving_out"]
        for word, after in pairwise(words)
    ):
        found.add("leaving out")
    return frozenset(found)


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


def _sought(words: Sequence[str]) -> str:
    if not words or words[0] not in _SEEKING:
        return ""
    place = words[1:_TENSE_PLACE]
    if not _SUPPORT.isdisjoint(place):
        return "object" if SMALL["anybody"].isdisjoint(words) else ""
    return "subject" if _AUXILIARIES.isdisjoint(place) else ""


def _modal(words: Sequence[str]) -> str:
    """Whether a question for yes or no asks what may, must or should be."""
    if found := _MODAL_PHRASES.match(" ".join(words[:_ADDRESSED])):
        return found.lastgroup or ""
    return MODALS.get(words[0], "") if words else ""


def _tenses(words: list[str]) -> frozenset[str]:
    """The tense of the finite verb at the beginning; of its first word alone where the question tells of the person."""
    place = words[: _TENSE_PLACE if SMALL["self"].isdisjoint(words) else 1]
    found = frozenset(tense for tense, forms in TENSES.items() if not forms.isdisjoint(place))
    return (english_tenses(words) if place[1:] else frozenset()) or found


def english_tenses(words: Sequence[str]) -> frozenset[str]:
    """The tense that two words tell together: "is going to", "has changed"; none where there are none."""
    if ("going", "to") in pairwise(words):
        return frozenset({"future"})
    at = next((at for at, word in enumerate(words) if word in {"has", "have"}), len(words))
    after = words[at + 1 : at + _PARTICIPLE]
    done = any(
        word in SMALL["participles"] or (len(word) > 4 and word.endswith("ed")) for word in after
    )
    return frozenset({"past"} if done else ())


def compare_function_words(a: FunctionWords, b: FunctionWords) -> dict[str, float]:
    """Signals of two questions by name, 0 or 1, symmetric."""
    return {
        "negation_words": float(_negated(a, b)),
        "quantifier": float(_quantified_otherwise(a, b)),
        "tense": float(
            (bool(a.tenses and b.tenses) and a.tenses != b.tenses) or _aspects_differ(a, b)
        ),
        "voice": float(not _active(a, b) or not _active(b, a)),
        "reordered": float(_reordered(a, b)),
        "modal": float(bool(a.modal and b.modal) and a.modal != b.modal),
        "roles": float(_roles_changed(a, b)),
        "particle": float(a.particles != b.particles and _same_but_particles(a, b)),
    }


def _negated(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether one question says not and the other has no word for it."""
    if a.negation == b.negation:
        return False
    return not (b if a.negation else a).soft_negation


def _names_me(word: str) -> bool:
    """Whether a word, or the end of an infinitive, is the person as an object."""
    return word in SMALL["sufferers"] or (len(word) > 5 and word.endswith(("rme", "rmi")))


def _roles_changed(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether both ask if something may be done, the one by the person, the other to the person; or the one looks for
    the subject of a verb, the other for its object."""
    if {a.sought, b.sought} == {"subject", "object"}:
        return True
    if not (a.modal and b.modal):
        return False
    return (a.does, a.suffers) != (b.does, b.suffers) and {a.does, a.suffers} == {
        b.does,
        b.suffers,
    } == {True, False}


def _aspects_differ(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether an action goes on in the one question and is done in the other: "I am painting", "I have painted"."""
    turned = {("done" if aspect == "on" else "on", root) for aspect, root in a.aspects}
    return not turned.isdisjoint(b.aspects)


def _active(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether no verb is passive in the first question and active in the second."""
    return (a.passive - b.passive).isdisjoint(b.content)


def _quantified_otherwise(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether they speak of another number of things, or each singles out something else."""
    if a.bounds != b.bounds or (a.focus and b.focus and a.focus.isdisjoint(b.focus)):
        return True
    return _counted_otherwise(a.quantifiers, b.quantifiers)


def _counted_otherwise(a: frozenset[str], b: frozenset[str]) -> bool:
    weak = SMALL["weak_quantifiers"]
    if a - weak != b - weak:
        return True
    return bool(a and b) and a.isdisjoint(b)


def _same_but_particles(a: FunctionWords, b: FunctionWords) -> bool:
    """Whether the same words follow each other, but for the particles: to rent, to rent out."""
    left, right = (
        [word for word in each.content if word not in SMALL["particles"] | SMALL["self"]]
        for each in (a, b)
    )
    return left == right


def _reordered(one: FunctionWords, other: FunctionWords) -> bool:
    """Whether two questions have the same words but for two, and the shared ones in another order.

    A phrase that moved as a whole ("in Python, how …") is no other order, and neither are the two
    sides of a comparison that has no direction ("A vs B"); "I" in place of "me" is one.
    """
    turned = one.patient != other.patient
    if not turned and not (one.sentence and other.sentence):
        return False
    a, b = one.content, other.content
    shared = set(a) & set(b)
    if len(shared) < 2 or len(set(a) ^ set(b)) > _OTHERWISE or shared & SMALL["symmetric"]:
        return False
    left, right = ([word for word in words if word in shared] for words in (a, b))
    if left == right:
        return False
    turns = (left[at:] + left[:at] for at in range(1, len(left)))
    return turned or len(left) < _PHRASES or right not in turns
