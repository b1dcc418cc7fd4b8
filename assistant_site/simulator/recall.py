"""What the person told earlier in the conversation, for answers that show it was seen."""

from __future__ import annotations

import re

from assistant_site.simulator.chat import Ask
from assistant_site.simulator.words import stem, words

_NAME = re.compile(
    r"\b(?:my name(?:'s| is)|i(?:'m| am) called|(?:people )?call me)\s+([^\W\d_][\w'-]*)"
    r"|\bi(?:'m| am)\s+(?-i:([A-Z][a-z][\w'-]*))",
    re.IGNORECASE,
)
_FACT = re.compile(
    r"\bmy ((?:[\w'-]+ ){0,3}?[\w'-]+?) (?:is|are|was) (?:called |named )?([^.!?\n]{1,80})",
    re.IGNORECASE,
)
_ASKS_NAME = re.compile(
    r"\b(?:what(?:'s| is) my name|who am i|what am i called|do you (?:know|remember) my name)",
    re.IGNORECASE,
)
_ASKS_FACT = re.compile(
    r"\b(?:what|which|who|where|when|how)\b.{0,30}?(?:\b(?:is|are|was)|'s) my "
    r"((?:[\w'-]+ ){0,3}?[\w'-]+?)(?: called| named)?\s*\??\s*$",
    re.IGNORECASE,
)


def earlier_words(ask: Ask) -> list[str]:
    """The person's messages before the last one, oldest first."""
    return [turn.text for turn in ask.turns if turn.role == "user"][:-1]


def remembered(ask: Ask) -> str | None:
    """An answer out of what the person said earlier, or a greeting when they tell their name."""
    said = earlier_words(ask)[::-1]
    if _ASKS_NAME.search(ask.prompt):
        name = next((name for text in said if (name := _name(text))), None)
        if name is None:
            return "You have not told me your name yet."
        return f"Your name is {name}. You told me earlier."
    if asked := _ASKS_FACT.search(ask.prompt):
        return _fact(asked.group(1), said)
    if name := _name(ask.prompt):
        return f"Nice to meet you, {name}. I will keep your name in mind while we talk."
    return None


def _name(text: str) -> str | None:
    found = _NAME.search(text)
    return (found.group(1) or found.group(2)) if found else None


def _fact(asked: str, said: list[str]) -> str:
    wanted = {stem(word) for word in words(asked)}
    for text in said:
        for thing, value in _FACT.findall(text):
            if wanted <= {stem(word) for word in words(thing)}:
                return f"Your {thing.strip()} is {value.strip()}. You told me earlier."
    return f"You have not told me about your {asked.strip()} yet."
