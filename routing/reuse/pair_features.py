"""Pair features: cheap signals for and against one answer serving two questions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import combinations, product

from routing.reuse.framing import framed_alike
from routing.reuse.function_words import compare_function_words
from routing.reuse.lexicon import (
    KINDS,
    NEGATING_PREFIXES,
    OPPOSITES,
    OPPOSITES_ELSEWHERE,
    SMALL,
    SYNONYMS,
)
from routing.reuse.question_features import QuestionFeatures, question_features, stem

Rarity = Callable[[str], float]


def _pairs(groups: Iterable[Iterable[str]]) -> frozenset[tuple[str, str]]:
    return frozenset(
        pair
        for group in groups
        for left, right in combinations([stem(word) for word in group], 2)
        for pair in ((left, right), (right, left))
        if left != right
    )


ALIKE = _pairs(SYNONYMS)
"""Pairs of stems that say nearly the same, both ways round."""

OPPOSITE = (
    _pairs(OPPOSITES) | _pairs(pair for sides in OPPOSITES_ELSEWHERE for pair in product(*sides))
) - ALIKE
"""Pairs of stems that say the opposite, both ways round."""

KIND = {stem(word): kind for word, kind in reversed(KINDS.items())}
"""Stem to its kind: two different words of one kind are two different things."""

CLOSE = 0.7
"""Overlap from which two questions are the same but for a word or two: there a word may turn it."""

MOVED = 4
"""Words that may stand otherwise in sentences that are still built alike."""

SENTENCE = 3
"""Words that matter from which a sentence is a template: one more or another one may turn it."""

VETOES = {
    "numbers": "each names a number that the other does not",
    "codes": "each names an identifier that the other does not",
    "quoted": "each quotes something else",
    "syntax": "each has an operator, an option or a name of code that the other does not",
    "opposite": "one says the opposite of the other",
    "kind": "each names another thing of one kind",
    "negated": "the same words, but one says not",
    "negation_words": "only one has a word of negation",
    "direction": "the same two things stand the other way round",
    "script": "they are written in different alphabets",
    "action": "both ask for something to be done, which an old answer does not do",
    "timebound": "both ask about this moment",
    "urgent": "one asks about this very moment",
}
"""Signals that forbid reuse whatever the probability, and why."""

UNCERTAIN = {
    "quantifier": "they speak of another number of things: all, any, only, enough, until",
    "tense": "one asks about the past or the future",
    "voice": "a verb is active in one and passive in the other",
    "reordered": "the same words stand in another order",
    "particle": "a verb has another particle: rent, rent out",
    "modal": "one asks whether it may, the other whether it must or should",
    "roles": "one asks what somebody does to the person, the other what the person does",
    "counted": "a number counts another thing",
    "syntax_one_sided": "both have names or signs of code, and one has more of them",
    "unlisted": "no list of words covers their language: nothing else would see a negation",
}
"""Signals that forbid reuse without a second opinion, and why: an embedding hardly sees them."""


def compare(one: str, other: str, rarity: Rarity) -> dict[str, float]:
    """Signals of two questions by name: symmetric, mostly in [0, 1].

    ``rarity`` gives a stem's weight, in nats (its inverse document frequency).
    """
    a, b = question_features(one), question_features(other)
    signals = _words(a, b, rarity)
    close = signals["overlap"] > CLOSE
    return (
        signals
        | _things(a, b, close)
        | {
            "negation": float((a.negations > 0) != (b.negations > 0)),
            "negation_alone": float(close and (a.negations > 0) != (b.negations > 0)),
            "negated": signals["same_words"] * float((a.negations > 0) != (b.negations > 0)),
            "opposite": float(_opposites(a, b)),
            "kind": float(_kinds(a, b)),
            "direction": float(_reversed(a, b)),
            "order": _inversions(a.words, b.words),
            "asked_alone": float(close and _asks_else(a.question, b.question)),
            "framed": float(framed_alike(one, other, (a.language, b.language))),
            "template": float(_one_replaced(a.matter, b.matter)),
            "inserted": float(_one_inserted(a.matter, b.matter)),
            "script": float(bool(a.script and b.script) and a.script != b.script),
            "unlisted": float(not (a.listed and b.listed)),
            "action": float(a.action and b.action),
            "timebound": float(a.timebound and b.timebound),
            "urgent": float(a.urgent or b.urgent),
            "timebound_one_sided": float(a.timebound != b.timebound),
        }
        | compare_function_words(a.function_words, b.function_words)
    )


def vetoes(signals: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the signals that forbid reuse."""
    return tuple(name for name in VETOES if signals[name])


def uncertain(signals: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the signals that forbid reuse without a second opinion. Where both questions are of one kind and
    about the same words in their order, only a phrase that leads to them stands otherwise."""
    found = tuple(name for name in UNCERTAIN if signals[name])
    return tuple(name for name in found if name != "reordered") if signals["framed"] else found


def _words(a: QuestionFeatures, b: QuestionFeatures, rarity: Rarity) -> dict[str, float]:
    only_a, only_b = _without_alike(
        _unshared(a.content, b.content), _unshared(b.content, a.content)
    )
    mass_a, mass_b = sum(map(rarity, only_a)), sum(map(rarity, only_b))
    shared = sum(map(rarity, a.content & b.content))
    total = shared + mass_a + mass_b
    return {
        "overlap": shared / total if total else 1.0,
        "swapped": min(mass_a, mass_b) / 10,
        "substituted": float(len(only_a) == len(only_b) == 1),
        "same_words": float(not only_a and not only_b),
    }


def _things(a: QuestionFeatures, b: QuestionFeatures, close: bool) -> dict[str, float]:
    names_a, names_b = a.names - b.content, b.names - a.content
    return {
        "numbers": _conflict(a.numbers, b.numbers),
        "numbers_one_sided": _one_sided(a.numbers, b.numbers),
        "codes": _conflict(a.codes, b.codes),
        "codes_one_sided": _one_sided(a.codes, b.codes),
        "names": _conflict(names_a, names_b),
        "names_one_sided": float(close) * _one_sided(names_a, names_b),
        "quoted": _conflict(a.quoted, b.quoted),
        "syntax": _conflict(a.syntax - frozenset(b.words), b.syntax - frozenset(a.words)),
        "syntax_one_sided": float(bool(a.syntax and b.syntax)) * _one_sided(a.syntax, b.syntax),
        "counted": float(_counted_otherwise(a, b)),
    }


def _counted_otherwise(a: QuestionFeatures, b: QuestionFeatures) -> bool:
    """Whether a number stands before one thing here and before another there: "in three lines", "three poems"."""
    left, right = dict(a.counted), dict(b.counted)
    return any(
        left[number].isdisjoint(right[number])
        and (left[number] & b.content or right[number] & a.content)
        for number in left.keys() & right.keys()
    )


def _unshared(one: Collection[str], other: Collection[str]) -> frozenset[str]:
    """Stems of the one that the other has neither so nor as a part of another form."""
    return frozenset(
        word
        for word in one
        if word not in other and not any(_akin(word, shared) for shared in other)
    )


def _akin(word: str, other: str) -> bool:
    """Forms of one word (migrat, migratory) or one slip of the pen apart."""
    if word[0] != other[0] or min(len(word), len(other)) < 4:
        return False
    if word.startswith(other) or other.startswith(word):
        return abs(len(word) - len(other)) <= 3
    return len(word) > 4 and len(other) > 4 and word[:2] == other[:2] and _one_slip(word, other)


def _one_slip(word: str, other: str) -> bool:
    if abs(len(word) - len(other)) > 1 or word.isdigit() or other.isdigit():
        return False
    head = 0
    while head < min(len(word), len(other)) and word[head] == other[head]:
        head += 1
    if word[head + 1 :] == other[head + 1 :] or word[head + 1 :] == other[head:]:
        return True
    if word[head:] == other[head + 1 :]:
        return True
    return (
        word[head : head + 2] == other[head : head + 2][::-1]
        and word[head + 2 :] == other[head + 2 :]
    )


def _without_alike(
    only_a: frozenset[str], only_b: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    alike_a = {x for x in only_a if any((x, y) in ALIKE for y in only_b)}
    alike_b = {y for y in only_b if any((x, y) in ALIKE for x in only_a)}
    return only_a - alike_a, only_b - alike_b


def _opposites(a: QuestionFeatures, b: QuestionFeatures) -> bool:
    # small words like up, with, before are no content, but may be the whole difference
    left, right = set(a.words) - set(b.words), set(b.words) - set(a.words)
    if any((x, y) in OPPOSITE for x in left for y in right):
        return True
    return _negated(left, right) or _negated(right, left)


def _negated(words: Collection[str], others: Collection[str]) -> bool:
    """Whether one of the words stands among the others with a prefix that turns it."""
    return any(
        prefix + word in others for word in words if len(word) > 3 for prefix in NEGATING_PREFIXES
    )


def _kinds(a: QuestionFeatures, b: QuestionFeatures) -> bool:
    """Whether each names another thing of one kind, and neither names the other's."""
    left = {KIND[word]: word for word in set(a.words) - set(b.words) if word in KIND}
    right = {KIND[word]: word for word in set(b.words) - set(a.words) if word in KIND}
    return any(
        (left[kind], right[kind]) not in ALIKE and stem(left[kind]) != right[kind]
        for kind in left.keys() & right.keys()
    )


def _conflict(a: frozenset[str], b: frozenset[str]) -> float:
    return float(bool(a - b) and bool(b - a))


def _one_sided(a: frozenset[str], b: frozenset[str]) -> float:
    return float(a != b and (a <= b or b <= a))


def _reversed(a: QuestionFeatures, b: QuestionFeatures) -> bool:
    """Whether two things have changed places: from A to B against from B to A, or anywhere in a
    sentence that is otherwise built alike."""
    if not SMALL["apart"].isdisjoint((*a.words, *b.words)):
        return False
    if any((right, left) in b.directed for left, right in a.directed):
        return True
    # An article that one of two words has more moves all the others.
    return any(
        _changed_places(
            [word for word in a.words if word not in left_out],
            [word for word in b.words if word not in left_out],
            a.content,
        )
        for left_out in (frozenset(), SMALL["articles"])
    )


def _changed_places(one: list[str], other: list[str], content: frozenset[str]) -> bool:
    if len(one) != len(other):
        return False
    changed = {(x, y) for x, y in zip(one, other, strict=True) if x != y}
    if len(changed) > MOVED:
        return False
    return any((y, x) in changed and x in content and y in content for x, y in changed)


def _inversions(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    """The share of pairs of shared words that stand the other way round."""
    place = {word: at for at, word in enumerate(b)}
    shared = [place[word] for word in dict.fromkeys(a) if word in place][:24]
    pairs = [(x, y) for at, x in enumerate(shared) for y in shared[at + 1 :]]
    return sum(x > y for x, y in pairs) / len(pairs) if pairs else 0.0


def _one_replaced(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether the same sentence has another word in one place, and not one for the same."""
    if len(a) != len(b) or len(a) < SENTENCE - 1:
        return False
    changed = [(x, y) for x, y in zip(a, b, strict=True) if x != y and not _akin(x, y)]
    return len(changed) == 1 and changed[0] not in ALIKE


def _one_inserted(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether the one is the other with a word more."""
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    if len(longer) != len(shorter) + 1 or len(shorter) < SENTENCE:
        return False
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))


def _asks_else(a: str, b: str) -> bool:
    return "none" not in (a, b) and a != b and bool({"why", "when", "where", "who"} & {a, b})
