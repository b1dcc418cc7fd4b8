"""What the stand-in classifier says of an answer's reuse: for whom, for how long, in which words."""

from __future__ import annotations

import re

from assistant_site.simulator.followups import is_self_contained

_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i've|i'd|me|my|mine|myself|we|we're|our|ours|us)\b", re.IGNORECASE
)
# "How do I reset my password?" is everybody's question.
_EVERYBODYS = re.compile(
    r"^\W*(?:how|where|when|why|can|could|may|should|what)\b"
    r"(?!.*\b(?:am i|i am|i'm|i was|i've|i feel|i live|i work|my (?:name|own|last|wife|husband|son|daughter|boss|doctor|order|balance)))",
    re.IGNORECASE | re.DOTALL,
)
_NEVER = re.compile(
    r"\b(?:right now|what time is it|near me|currently|live score|at the moment)\b", re.IGNORECASE
)
_DAY = re.compile(
    r"\b(?:today\w*|tonight|tomorrow|yesterday|this (?:week|morning|evening|weekend)|last night|weather|forecast|latest|news"
    r"|stock price|share price|exchange rate)\b",
    re.IGNORECASE,
)
_MONTHS = re.compile(
    r"\b(?:version|prices?|costs?|law|laws|president|minister|ceo|population|record|best|cheapest|fastest|recommend|this year|20[2-9]\d)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"^\W*(?:and\s+)?(?:what about|how about|and)\s+(?:(?:of|for|in|from|to|about)\s+)?(.+?)\W*$",
    re.IGNORECASE,
)
_LAST_NAME = re.compile(
    r"\b(?:of|for|in|from|to|about)\s+((?:the\s+)?[^?.!]+?)(\W*)$", re.IGNORECASE
)


def is_impersonal(prompt: str) -> bool:
    """Whether everybody may be given the same answer."""
    return not _FIRST_PERSON.search(prompt) or bool(_EVERYBODYS.search(prompt))


def stays_true(prompt: str) -> str:
    """How long an answer holds, in the contract's words."""
    for life, sign in (("never", _NEVER), ("day", _DAY), ("months", _MONTHS)):
        if sign.search(prompt):
            return life
    return "timeless"


def standalone(prompt: str, questions: list[str]) -> str:
    """The follow-up "and of Spain?" with the words of the last question that stood alone; empty where
    it is no such follow-up."""
    other = _OTHER.search(prompt)
    asked = next((said for said in reversed(questions) if is_self_contained(said)), "")
    name = _LAST_NAME.search(asked)
    if is_self_contained(prompt) or not other or not name:
        return ""
    return asked[: name.start(1)] + other.group(1) + asked[name.end(1) :]
