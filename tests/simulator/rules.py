"""Chat requests that ask for a rule, as the service writes them."""

from __future__ import annotations

import json
from typing import Any

from assistant_site.simulator.chat import ChatRequest, ChatTurn
from routing.publishing.default_rules import default_document

FIRST_RULES: list[dict[str, Any]] = default_document().model_dump()["rules"]
"""Those of a fresh installation."""


def system(rules: list[dict[str, Any]]) -> str:
    """The system message with these rules."""
    blank: dict[str, Any] = {
        "name": "",
        "instruction": "",
        "action": "answer",
        "priority": 100,
        "examples_for": [],
        "examples_against": [],
    }
    told = [{name: rule.get(name, default) for name, default in blank.items()} for rule in rules]
    return f"Choose a rule.\n<rules>\n{_json(told)}\n</rules>"


def quoted(prompt: str) -> str:
    """The user message with this prompt."""
    history = [{"role": "user", "content": "Draw a dog"}]
    return f"<history>\n{_json(history)}\n</history>\n<prompt>\n{_json(prompt)}\n</prompt>"


def asked(prompt: str, *added: dict[str, Any]) -> ChatRequest:
    """The request to classify the prompt by the first rules, and by those ``added``."""
    turn = ChatTurn("user", quoted(prompt))
    return ChatRequest("anthropic", "claude", system([*FIRST_RULES, *added]), (turn,))


def _json(value: Any) -> str:
    text = json.dumps(value)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
