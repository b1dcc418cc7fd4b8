"""Answers: the reply to a chat request, as a verdict, an object of its schema or readable text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from assistant_site.simulator.chat import ChatReply, ChatRequest, Finish, limited, pieces
from assistant_site.simulator.errors import Rejection
from assistant_site.simulator.faults import SimulatedFault
from assistant_site.simulator.keywords import RULE_WORDS, STOPWORDS, stem, words
from assistant_site.simulator.known_answers import greeting, known_answer, stand_in, told_name
from assistant_site.simulator.small_model import (
    asks_for_judgement,
    asks_what_says_the_same,
    carries_rules,
    classify,
    compare_answers,
    judge,
)
from routing.common.text import is_json_object

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}
# Characters of two, three and four bytes, for streams that are cut within them.
_THOUGHT = "The simulator thinks: the question is read, and an answer is written."
_WIDE = "Naïve café, 日本語, Ελληνικά, 😀. "


def compose_reply(ask: ChatRequest, fault: SimulatedFault, *, obey: bool) -> ChatReply:
    """The reply to ``ask``, changed as ``fault`` says."""
    text = _text(ask, obey=obey) if fault.text is None else fault.text
    if fault.split_utf8 and fault.text is None and ask.schema is None:
        text = _WIDE + text
    tool = ask.tool if fault.text is None or is_json_object(text) else None
    reply = limited(ask, text, tool)
    thought = pieces(_THOUGHT) if ask.thinks else ()
    cached = int(ask.input_tokens * ask.cached)
    return _changed(replace(reply, thought=thought, cached_tokens=cached), fault)


def _text(ask: ChatRequest, *, obey: bool) -> str:
    if asks_for_judgement(ask):
        return judge(ask)
    if asks_what_says_the_same(ask):
        return compare_answers(ask)
    if carries_rules(ask):
        return orjson.dumps(classify(ask, obey=obey)).decode()
    if ask.schema is not None:
        return orjson.dumps(instance(ask.schema, f"Simulated by {ask.model}.")).decode()
    if ask.json:
        return orjson.dumps({"answer": reply_text(ask)}).decode()
    return reply_text(ask)


def _changed(reply: ChatReply, fault: SimulatedFault) -> ChatReply:
    parts = reply.pieces
    if fault.tokens is not None:
        parts = tuple(f"{' ' if number else ''}token{number}" for number in range(fault.tokens))
    if fault.huge_token and fault.tokens is not None:
        parts = tuple(part.ljust(fault.huge_token, "x") for part in parts)
    elif fault.huge_token:
        parts = (*parts[:1], "x" * fault.huge_token, *parts[1:])
    if fault.empty_deltas:
        blanks = ("",) * fault.empty_deltas
        parts = tuple(piece for part in parts for piece in (*blanks, part))
    finish = _FINISHES.get(fault.finish or "", reply.finish)
    return replace(reply, pieces=parts, finish=finish)


_CAPITAL = re.compile(
    r"\bcapital(?: city)? of (?:the )?([\w ]+)|\b([\w ]{1,60}?)'s capital\b", re.IGNORECASE
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
_SUM = re.compile(r"(?<!\d)(-?\d+(?:\.\d+)?)\s*([-+*/x÷])\s*(-?\d+(?:\.\d+)?)")
_FAULT = re.compile(r"\[\[simulate[^\[\]]*\]\]", re.IGNORECASE)
_LABEL = re.compile(r"\[[\w-]{1,40}\] ")
"""A label in front of a prompt, which the answer begins with too: an audit knows by it which question it answers."""
_QUOTED = 120  # characters of the person's own words that are repeated


def reply_text(ask: ChatRequest) -> str:
    """What was said earlier, a known answer, or a stand-in with the words that the conversation is about."""
    if ask.turns and ask.turns[-1].role == "tool":
        return f"The tool's result is: {_shortened(ask.turns[-1].text)}\n\n{_stand_in(ask, '')}"
    prompt = _FAULT.sub("", ask.prompt).strip()
    label = found[0] if (found := _LABEL.match(prompt)) else ""
    return label + _reply(ask, prompt.removeprefix(label))


def _reply(ask: ChatRequest, prompt: str) -> str:
    if said := remembered(ask) or _known(prompt):
        return said
    # A picture in the prompt asks for more than its words do.
    pictures = any(turn.pictures for turn in ask.turns)
    known = None if pictures else known_answer(prompt)
    return known.text if known else _stand_in(ask, prompt)


def _stand_in(ask: ChatRequest, prompt: str) -> str:
    seen = []
    if pictures := sum(turn.pictures for turn in ask.turns):
        seen.append(f"{pictures} picture{'s' * (pictures != 1)}")
    if earlier := earlier_words(ask):
        seen.insert(0, f"{len(ask.turns)} messages")
    text = stand_in(prompt, ask.model, _topic(prompt))
    if not seen:
        return text
    before = f'; before this one you said: "{_shortened(earlier[-1])}"' if earlier else ""
    return f"{text}\n\nI was sent {' and '.join(seen)}{before}."


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTED else flat[: _QUOTED - 1] + "…"


def _known(prompt: str) -> str | None:
    if match := _CAPITAL.search(prompt):
        country = (match.group(1) or match.group(2)).strip().lower()
        for name, city in _CAPITALS.items():
            if country.endswith(name) or country.startswith(name):
                return (
                    f"{city} is the capital of {name.title()}. The government has its seat there."
                )
    if match := _SUM.search(prompt):
        return _calculated(*match.groups())
    return None


def _calculated(left: str, sign: str, right: str) -> str | None:
    one, other = float(left), float(right)
    if sign in "/÷" and not other:
        return f"{left} cannot be divided by zero: no number times zero gives {left}."
    results = {"+": one + other, "-": one - other, "*": one * other}
    result = results["*"] if sign in "*x" else results.get(sign, one / other if other else 0)
    return f"{left} {sign} {right} = {result:.15g}"


def _topic(prompt: str) -> str:
    """The words that matter, in their order; at most six."""
    topics = [word for word in words(prompt) if word not in STOPWORDS | RULE_WORDS]
    return f'"{" ".join(list(dict.fromkeys(topics))[:6]) or "…"}"'


_NAME = re.compile(
    r"\b(?:my name(?:'s| is)|i(?:'m| am) called|(?:people )?call me|ich heiße|mein name ist|me llamo|mi nombre es"
    r"|je m'appelle|mon nom est|(?:me )?chamo(?:-me)?|meu nome é)\s+([^\W\d_][\w'-]*)"
    r"|\bi(?:'m| am)\s+(?-i:([A-Z][a-z][\w'-]*))",
    re.IGNORECASE,
)
_FACT = re.compile(
    r"\bmy ((?:[\w'-]+ ){0,3}?[\w'-]+?) (?:is|are|was) (?:called |named )?([^.!?\n]{1,80})",
    re.IGNORECASE,
)
_ASKS_NAME = re.compile(
    r"\b(?:what(?:'s| is) my name|who am i|what am i called|do you (?:know|remember) my name"
    r"|wie heiße ich|(?:wie|was) ist mein name|c[oó]mo me llamo|cu[aá]l es mi nombre"
    r"|comment (?:je m'appelle|est-ce que je m'appelle|m'appelé-je)|quel est mon nom|como (?:é que )?(?:eu )?me chamo|qual é o meu nome|qual é meu nome)",
    re.IGNORECASE,
)
_ASKS_FACT = re.compile(
    r"\b(?:what|which|who|where|when|how)\b.{0,30}?(?:\b(?:is|are|was)|'s) my "
    r"((?:[\w'-]+ ){0,3}?[\w'-]+?)(?: called| named)?\s*\??\s*$",
    re.IGNORECASE,
)


def earlier_words(ask: ChatRequest) -> list[str]:
    """The person's messages before the last one, oldest first."""
    return [turn.text for turn in ask.turns if turn.role == "user"][:-1]


def remembered(ask: ChatRequest) -> str | None:
    """An answer from the person's earlier messages, or a greeting when they tell their name."""
    earlier = earlier_words(ask)[::-1]
    if _ASKS_NAME.search(ask.prompt):
        name = next((name for text in earlier if (name := _name(text))), None)
        return told_name(ask.prompt, name)
    if question := _ASKS_FACT.search(ask.prompt):
        return _fact(question.group(1), earlier)
    if name := _name(ask.prompt):
        return greeting(ask.prompt, name)
    return None


def _name(text: str) -> str | None:
    match = _NAME.search(text)
    return (match.group(1) or match.group(2)) if match else None


def _fact(question: str, earlier: list[str]) -> str:
    wanted = {stem(word) for word in words(question)}
    for text in earlier:
        for thing, value in _FACT.findall(text):
            if wanted <= {stem(word) for word in words(thing)}:
                return f"Your {thing.strip()} is {value.strip()}. You told me earlier."
    return f"You have not told me about your {question.strip()} yet."


MAX_ITEMS = 1_000
_SCALARS: dict[str, Any] = {"boolean": False, "null": None, "integer": 1, "number": 1.0}


def instance(schema: Mapping[str, Any], text: str) -> Any:
    """A value that obeys ``schema``; strings are ``text``. References go to ``$defs`` of the root, and
    those of a definition to itself end soon. Raises ``Rejection`` for what is no schema."""
    try:
        definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
        return _value(schema, text, {"#": schema, **definitions})
    # Its fields can be of any type: each way to fail means the same.
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise Rejection(400, f"Invalid schema: {exc!r}") from exc


def _value(schema: Mapping[str, Any], text: str, definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        # Within itself it is unknown, and null: a chain of values has an end.
        return _value(definitions[name], text, {**definitions, name: {"type": "null"}})
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _value(schema[key][0], text, definitions)
    return _typed(schema, text, definitions)


def _typed(schema: Mapping[str, Any], text: str, definitions: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        members = schema.get("properties", {})
        return {name: _value(member, text, definitions) for name, member in members.items()}
    if kind == "array":
        items = schema.get("items", {})
        count = min(MAX_ITEMS, max(1, schema.get("minItems", 1)))
        return [_value(items, text, definitions)] * count
    if kind == "string":
        return text[: schema.get("maxLength", len(text))]
    return schema.get("minimum", _SCALARS[kind])
