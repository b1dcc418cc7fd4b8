"""Keywords: words and stems as the stand-in classifier and the answers use them."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?", re.UNICODE)
_ENDINGS = [
    "ization",
    "ations",
    "ation",
    "ments",
    "ment",
    "ically",
    "ings",
    "ing",
    "ies",
    "ied",
    "ers",
    "est",
    "ed",
    "es",
    "er",
    "ly",
    "s",
    "e",
    "y",
]


def _vocabulary(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOPWORDS = _vocabulary(
    """a about above after again against all also am an and any anybody anyone anything are as at be
    because been before being below between both but by can cannot could did do does doing don't
    down each else every everybody everyone everything few for from further get give go goes going
    got had has have having he her here hers him his how i i'm if in into is isn't it it's its just
    kindly know let let's like lot many may me mean might more most much must my need no nor not of
    off on once one only or other our out over own please same she should so some something such
    tell than that that's the their them then there these they thing things this those through to
    too under until up us very want was we were what what's when where which while who whom whose
    why will with would yes you your yours
    hello hi hey thanks thank"""
)
# Words rules are written with, which say nothing about a rule's purpose.
RULE_WORDS = _vocabulary(
    """prompt prompts question questions request requests ask asks asked asking user users person
    people wants answer answers answered model models rule rules route routed routes send sent
    goes go use used using anything everything whatever kind kinds sort sorts type types topic
    topics related concern concerns concerning regarding message messages text matter matters such
    example examples etc claude gpt openai anthropic sonnet opus haiku mini assistant ai someone
    including include includes like handle handles handled belong belongs apply applies fit fits
    write writes writing written make makes making made create creates creating generate give gives
    explain explains explaining describe show help helps need needs right day days place life plain
    short long several careful carefully clearly clear now well new good best way ways time times
    name names named go goes going always often never first two three four five ten mention mentions
    mentioning"""
)


def words(text: str) -> list[str]:
    """Lower-case words in order."""
    return _WORD.findall(text.lower())


def stem(word: str) -> str:
    """A crude stem: enough that pirates, pirate and pirate's meet."""
    word = re.split("['\u2019]", word)[0]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    return frozenset(stem(word) for word in words(text) if word not in STOPWORDS)


def rule_stems(text: str) -> frozenset[str]:
    """The stems that tell one rule from another."""
    return frozenset(
        stem(word)
        for word in words(text)
        if word not in STOPWORDS and word not in RULE_WORDS and not word.isdigit()
    )


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Cosine of two sets, in [0, 1]."""
    if not one or not other:
        return 0.0
    return float(len(one & other) / (len(one) * len(other)) ** 0.5)
