"""The stand-in judge: whether a stored answer serves a question, by the words they share."""

from __future__ import annotations

import re

import orjson

from assistant_site.simulator.chat import Ask
from routing.reuse.pair_features import compare, vetoes

_PART = re.compile(r'<(asked|stored|answer)>(".*?")</\1>', re.DOTALL)

_ALIKE = 0.5
"""Overlap of the questions' words from which it says yes."""


def asks_for_judgement(ask: Ask) -> bool:
    """Whether ``ask`` is a request to judge a stored answer."""
    return "stored answer may be given" in ask.system and "<asked>" in ask.prompt


def judge(ask: Ask) -> str:
    """``yes`` or ``no``; without the stored question it believes the answer."""
    parts = {name: orjson.loads(quoted) for name, quoted in _PART.findall(ask.prompt)}
    if not parts.get("stored"):
        return "yes"
    signals = compare(parts["asked"], parts["stored"], lambda _: 3.0)
    return "no" if vetoes(signals) or signals["overlap"] < _ALIKE else "yes"
