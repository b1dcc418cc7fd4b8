"""Stand-in small model: classifies a prompt by keywords, and judges whether a stored answer serves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from assistant_site.simulator.chat import ChatRequest
from assistant_site.simulator.intents import Intent, intents, meant_for
from assistant_site.simulator.keywords import overlap, rule_stems
from assistant_site.simulator.reuse_fields import (
    is_impersonal,
    is_self_contained,
    standalone,
    stays_true,
)
from routing.reuse.pair_features import compare, vetoes

_EXCLUDED = re.compile(
    r"(?<![^.;])[^.;]*?\b(?:do(?:es)? not belong|don't belong|are allowed|is allowed|not this rule)\b[^.;]*[.;]?"
    r"|\b(?:but not|except|unless|other than|rather than|instead of|excluding)\b[^.;]*",
    re.IGNORECASE,
)
_HARM_RULE = re.compile(
    r"\b(?:harm\w*|illegal|weapons?|malware|dangerous|violen\w+|unsafe)\b", re.IGNORECASE
)

# A rule that sends to "claude-haiku" is none about haikus.
_MODEL_NAME = re.compile(
    r"\b(?:claude|gpt)(?:[- ]?(?:\d[\w.]*|haiku|sonnet|opus|mini|nano|image))*\b", re.IGNORECASE
)

# How much each sign weighs. Words an administrator's own rule shares with the prompt outdo what a
# prompt is after in general; a picture or plain harm outdoes those.
_INTENT: dict[Intent, float] = {"harm": 50, "image": 28, "long": 14, "sensitive": 12, "general": 5}
_OTHER_INTENT = 11.0
_LATER_INTENT = 0.7
_WORDS = 20.0
# A rule of few words was made for just those: one of them is enough.
_FEW_WORDS = 8
_ONE_OF_FEW = 14.0
# Of two such rules the one with a word that no other rule has is the more specific.
_OWN_WORD = 1.5
_EXAMPLES = 12.0
_AGAINST = 14.0
_AGAINST_BUT_MORE_FOR = 4.0
# What every rule for pictures speaks of; wanting one is told by the prompt's intent.
_PICTURE_WORDS = rule_stems(
    "picture image photo draw drawing paint painting sketch illustration illustrate art visual"
)


@dataclass(frozen=True, slots=True)
class _RuleProfile:
    """One rule of the request, with the words and intents that are scored."""

    name: str
    action: str
    priority: float
    order: int
    words: frozenset[str]
    named: frozenset[str]
    meant: frozenset[Intent]
    narrow: bool
    examples: tuple[frozenset[str], ...]
    against: tuple[frozenset[str], ...]


def carries_rules(ask: ChatRequest) -> bool:
    """Whether ``ask`` is a request to classify."""
    return bool(_tagged(ask.system, "rules") and _tagged(ask.prompt, "prompt"))


def classify(ask: ChatRequest, *, obey: bool) -> dict[str, Any]:
    """The verdict. ``obey`` lets the prompt itself choose, as a model does that was talked into it."""
    rules = _rules(ask.system)
    prompt = _prompt(ask.prompt)
    chosen, wanted = _choose(rules, prompt)
    reason = _REASONS.get(wanted, f"The prompt shares the words of the rule {chosen.name}.")
    if obey and (ordered := _ordered(rules, prompt)):
        chosen, reason = ordered, "The prompt says so."
    return {
        "rule": chosen.name,
        "reason": reason,
        "self_contained": is_self_contained(prompt),
        "impersonal": is_impersonal(prompt),
        "stays_true": stays_true(prompt),
        "standalone": standalone(prompt, _earlier(ask.prompt)),
        "suggestions": list(_SUGGESTIONS) if chosen.action == "refuse" else [],
    }


def _rules(system: str) -> list[_RuleProfile]:
    tags = ("rules", "more_rules")
    listed = [item for tag in tags for item in orjson.loads(_tagged(system, tag) or "[]")]
    return [_rule(order, item) for order, item in enumerate(listed)]


def _tagged(text: str, tag: str) -> str:
    """The JSON between the tags; empty where there is none. JSON of ours holds no tag."""
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].strip()


def _rule(order: int, item: dict[str, Any]) -> _RuleProfile:
    instruction = _MODEL_NAME.sub(" ", _EXCLUDED.sub(" ", item.get("instruction") or ""))
    action = item.get("action") or "answer"
    description = f"{item['name'].replace('-', ' ')}. {instruction}"
    # A broad rule for harm or for pictures needs more than a shared word to apply.
    broad = action == "image" or (action == "refuse" and bool(_HARM_RULE.search(description)))
    meant: dict[str, frozenset[Intent]] = {
        "image": frozenset({"image"}),
        "refuse": frozenset({"harm"}) if broad else frozenset(),
    }
    serves = meant.get(action, meant_for(description))
    name = rule_stems(item["name"].replace("-", " "))
    own = rule_stems(instruction) or name
    return _RuleProfile(
        name=item["name"],
        action=action,
        priority=float(item.get("priority") or 100),
        order=order,
        words=own - _PICTURE_WORDS if action == "image" else own,
        # A rule for a known kind of prompt is found by that kind: "code" is also a way to dress.
        named=frozenset() if serves else name,
        meant=serves,
        narrow=not broad,
        examples=tuple(map(rule_stems, item.get("examples_for") or ())),
        against=tuple(map(rule_stems, item.get("examples_against") or ())),
    )


def _prompt(text: str) -> str:
    quoted = _tagged(text, "prompt")
    return str(orjson.loads(quoted)) if quoted else text


def _earlier(text: str) -> list[str]:
    """The person's words before the prompt, oldest first."""
    messages = orjson.loads(_tagged(text, "history") or "[]")
    return [message["content"] for message in messages if message["role"] == "user"]


def _choose(rules: Sequence[_RuleProfile], prompt: str) -> tuple[_RuleProfile, Intent | None]:
    wanted = intents(prompt)
    prompt_stems = rule_stems(prompt)
    spread = Counter(word for rule in rules for word in rule.words | rule.named)
    scored = [(_score(rule, wanted, prompt_stems, spread), rule) for rule in rules]
    best = max(scored, key=lambda pair: (pair[0], -pair[1].priority, -pair[1].order))[1]
    if _shared(best, prompt_stems, spread) > _fit(best, wanted):
        return best, None
    return best, next((intent for intent in wanted if intent in best.meant), None)


def _fit(rule: _RuleProfile, wanted: tuple[Intent, ...]) -> float:
    """Weight of the intents that the rule serves, among those of the prompt."""
    return max((_weight(wanted, name) for name in rule.meant), default=0.0)


def _score(
    rule: _RuleProfile,
    wanted: tuple[Intent, ...],
    prompt_stems: frozenset[str],
    spread: Counter[str],
) -> float:
    fits = _fit(rule, wanted)
    shared = _shared(rule, prompt_stems, spread)
    like = max((overlap(prompt_stems, example) for example in rule.examples), default=0.0)
    unlike = max((overlap(prompt_stems, example) for example in rule.against), default=0.0)
    against = _AGAINST if unlike >= like else _AGAINST_BUT_MORE_FOR
    strong, weak = max(fits, shared), min(fits, shared)
    return strong + weak / 4 + _EXAMPLES * like - against * unlike - _stray(rule, prompt_stems)


def _weight(wanted: tuple[Intent, ...], name: Intent) -> float:
    if name not in wanted:
        return 0.0
    full = _INTENT.get(name, _OTHER_INTENT)
    return full if name in {wanted[0], "general"} else full * _LATER_INTENT


def _shared(rule: _RuleProfile, prompt_stems: frozenset[str], spread: Counter[str]) -> float:
    """Share that the prompt has of the rule's words, or of those of its name, weighted."""
    told = (rule.words, rule.named)
    return max(_share(words, prompt_stems, spread, narrow=rule.narrow) for words in told)


def _share(
    told: frozenset[str], prompt_stems: frozenset[str], spread: Counter[str], *, narrow: bool
) -> float:
    found = told & prompt_stems
    if not found:
        return 0.0
    covered = sum(1 / spread[word] for word in found) / sum(1 / spread[word] for word in told)
    if not narrow and covered < 0.5:
        return 0.0
    if len(told) <= _FEW_WORDS:
        specific = _OWN_WORD if any(spread[word] == 1 for word in found) else 0.0
        return _ONE_OF_FEW + (_WORDS - _ONE_OF_FEW) * float(covered) + specific
    return _WORDS * float(covered**0.5)


def _stray(rule: _RuleProfile, prompt_stems: frozenset[str]) -> float:
    """Words that only the counter-examples have count against the rule, a little."""
    own = rule.words.union(*rule.examples)
    foreign = frozenset[str]().union(*rule.against) - own
    return 1.5 * min(2, len(foreign & prompt_stems))


_REASONS: dict[Intent | None, str] = {
    "harm": "The prompt asks for help with doing harm.",
    "image": "The prompt asks for a picture to be made.",
    "long": "The prompt brings a long text with it.",
    "sensitive": "The prompt needs care: somebody's wellbeing is at stake.",
    "code": "The prompt is about code.",
    "creative": "The prompt asks for creative writing.",
    "reasoning": "The prompt needs several careful steps of thought.",
    "current": "The right answer changes with the day.",
    "general": "An everyday question that no special rule fits.",
}
_SUGGESTIONS = (
    "Ask how to recognise such a danger and protect yourself and others from it.",
    "Ask what the law says about it, or where to find legitimate help.",
)


def _ordered(rules: Sequence[_RuleProfile], prompt: str) -> _RuleProfile | None:
    """The rule the prompt itself orders, in words or as a ready-made verdict."""
    ordered = {name.casefold() for names in _ORDERS.findall(prompt) for name in names}
    return next((rule for rule in rules if rule.name.casefold() in ordered), None)


_ORDERS = re.compile(
    r'"rule"\s*:\s*"([^"]+)"|\b(?:choose|use|pick|select|apply|return|output|classify\w* as|route\w* to|rule(?: is)?)'
    r"(?=\W+(?:the\W+)?(?:rule\W+)?([\w-]+(?:\.[\w-]+)*))",
    re.IGNORECASE,
)

# Overlap of the questions' words from which it says yes.
_ALIKE = 0.5


def asks_for_judgement(ask: ChatRequest) -> bool:
    """Whether ``ask`` is a request to judge a stored answer."""
    return "stored answer may be given" in ask.system and "<asked>" in ask.prompt


def asks_what_says_the_same(ask: ChatRequest) -> bool:
    """Whether ``ask`` is a request to compare a stored answer with others."""
    return "says the same as the new answer" in ask.system and "<new>" in ask.prompt


def compare_answers(ask: ChatRequest) -> str:
    """The number of the first stored answer to an alike question."""
    tags = ("new", *(f"stored-{at}" for at in range(1, 10)))
    lines = [_tagged(ask.prompt, tag).partition("\n")[0] for tag in tags]
    asked, *stored = [orjson.loads(line.removeprefix("question: ")) for line in lines if line]
    return str(next((at for at, one in enumerate(stored, 1) if _alike(asked, one)), 0))


def judge(ask: ChatRequest) -> str:
    """``yes`` or ``no``; without the stored question it believes the answer."""
    found = {name: _tagged(ask.prompt, name) for name in ("asked", "stored", "answer")}
    parts = {name: orjson.loads(quoted) for name, quoted in found.items() if quoted}
    if not parts.get("stored"):
        return "yes"
    return "yes" if _alike(parts["asked"], parts["stored"]) else "no"


def _alike(one: str, other: str) -> bool:
    signals = compare(one, other, lambda _: 3.0)
    return not vetoes(signals) and signals["overlap"] >= _ALIKE
