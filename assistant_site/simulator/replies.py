"""Readable text for ordinary prompts: it says who wrote it, what was asked and what came before."""

from __future__ import annotations

import re

from assistant_site.simulator.chat import Ask
from assistant_site.simulator.intents import Intent, intents
from assistant_site.simulator.recall import earlier_words, remembered
from assistant_site.simulator.words import STOPWORDS, stem, words

_CAPITAL = re.compile(
    r"\bcapital(?: city)? of (?:the )?([\w ]+)|\b([\w ]+?)'s capital\b", re.IGNORECASE
)
_CAPITALS = {
    "france": "Paris",
    "germany": "Berlin",
    "spain": "Madrid",
    "italy": "Rome",
    "portugal": "Lisbon",
    "japan": "Tokyo",
    "canada": "Ottawa",
    "australia": "Canberra",
    "united kingdom": "London",
    "united states": "Washington, D.C.",
    "austria": "Vienna",
    "poland": "Warsaw",
}
_SUM = re.compile(r"(-?\d+(?:\.\d+)?)\s*([-+*/x÷])\s*(-?\d+(?:\.\d+)?)")
_FAULT = re.compile(r"\[\[simulate[^\]]*\]\]", re.IGNORECASE)
_QUOTED = 120  # characters of the person's own words that are repeated


def reply_text(ask: Ask) -> str:
    """Several sentences that depend on the prompt and on the conversation."""
    prompt = _FAULT.sub("", ask.prompt).strip()
    answer = remembered(ask) or _known(prompt) or _WRITERS[_main_intent(prompt)](_topic(prompt))
    return f"{answer}\n\n{_signature(ask)}"


def _signature(ask: Ask) -> str:
    count = len(ask.turns)
    seen = f"I was sent {count} message{'s' * (count != 1)}"
    earlier = earlier_words(ask)
    if earlier:
        seen += f'; before this one you said: "{_shortened(earlier[-1])}"'
    return (
        f"This is a simulated answer in place of {ask.model}: no real model was asked. "
        f'You asked: "{_shortened(ask.prompt)}". {seen}.'
    )


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTED else flat[: _QUOTED - 1] + "…"


def _known(prompt: str) -> str | None:
    if found := _CAPITAL.search(prompt):
        country = (found.group(1) or found.group(2)).strip().lower()
        for name, city in _CAPITALS.items():
            if country.endswith(name) or country.startswith(name):
                return f"{city} is the capital of {name.title()}. It has been for a long time, and most of the country's government sits there."
    if found := _SUM.search(prompt):
        return _calculated(*found.groups())
    return None


def _calculated(left: str, sign: str, right: str) -> str | None:
    one, other = float(left), float(right)
    if sign in "/÷" and not other:
        return f"{left} cannot be divided by zero. No number times zero gives {left}."
    results = {"+": one + other, "-": one - other, "*": one * other}
    result = results["*"] if sign in "*x" else results.get(sign, one / other if other else 0)
    return f"{left} {sign} {right} = {result:g}. The simulator can do such small sums."


def _main_intent(prompt: str) -> Intent:
    return next(intent for intent in intents(prompt) if intent in _WRITERS)


def _topic(prompt: str) -> str:
    """The words that matter, in their order; at most six."""
    kept = [word for word in words(prompt) if word not in STOPWORDS and stem(word) not in _NO_TOPIC]
    return f'"{" ".join(list(dict.fromkeys(kept))[:6]) or "your message"}"'


_NO_TOPIC = frozenset(
    map(
        stem,
        words(
            "write compose tell explain describe give make create prove derive compare draw show "
            "poem haiku story slogan code function python short step puzzle joke simulate"
        ),
    )
)


def _poem(topic: str) -> str:
    return (
        f"A few lines about {topic}:\n\n"
        f"Softly the morning speaks of {topic},\n"
        "the window keeps a little of the light;\n"
        "what was a question yesterday is open,\n"
        "what was a shadow has put on the white.\n\n"
        f"So let it stay, this thought of {topic},\n"
        "a lamp that someone left on in the night."
    )


def _code(topic: str) -> str:
    name = "_".join(re.findall(r"[a-z]+", topic)[:3]) or "solve"
    return (
        f"Here is a small function for {topic}:\n\n"
        f'```python\ndef {name}(items):\n    """Return the items in order, without repeats."""\n'
        "    return sorted(set(items))\n```\n\n"
        "It runs in O(n log n) time. Call it with any list whose members can be compared."
    )


def _reasoning(topic: str) -> str:
    return (
        f"Let us take {topic} step by step.\n\n"
        f"1. State what is given: everything that is known about {topic}, and nothing more.\n"
        "2. Assume the opposite of what is to be shown, and follow where it leads.\n"
        "3. The assumption contradicts what was given, so it cannot hold.\n\n"
        f"Therefore the claim about {topic} stands. Each step used only the one before it."
    )


def _plain(topic: str) -> str:
    return (
        f"Here is a short answer about {topic}. In a few words, {topic} is best understood by its purpose: "
        "what it does, for whom, and what would be missing without it. "
        f"Most explanations of {topic} begin with an example and then name the rule behind it. "
        "If you would like more detail, ask about one part of it."
    )


_WRITERS = {"creative": _poem, "code": _code, "reasoning": _reasoning, "general": _plain}
