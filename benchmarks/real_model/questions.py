"""The questions of the walk, the rule that a reader of the first rules would choose for each, and these rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml


class Question(NamedTuple):
    """A prompt, and the rule that fits it."""

    prompt: str
    rule: str


QUESTIONS = (
    Question("Write a Python function that reverses a string.", "code"),
    Question("Which shell command lists all files that changed today?", "code"),
    Question("Prove that the sum of two even numbers is even.", "complex-reasoning"),
    Question(
        "Three boxes hold twelve apples, no two the same number. What may they hold?",
        "complex-reasoning",
    ),
    Question("Write a short poem about the sea.", "creative"),
    Question("Give me three names for a tea shop.", "creative"),
    Question("What is the capital of Portugal?", "general"),
    Question("Why is the sky blue?", "general"),
    Question("How do plants make sugar from light?", "general"),
    Question("What is the weather like in Oslo right now?", "current"),
    Question("I have had a headache for a week, what should I do?", "sensitive"),
    Question("Hello, who are you?", "general"),
)
FIRST = "What is a fjord?"
"""The model reads all rules with it, which takes longer than with the next ones."""
LONG = (
    "Tell me the whole story of the Roman empire, century by century, in great detail.",
    "Write a long story about a lighthouse keeper and his dog.",
    "Explain in great detail how a steam engine works.",
)
"""The first of these whose answer is long enough is stopped on the way."""

_FIRST_RULES = Path(__file__).parents[2] / "routing" / "publishing" / "default_rules.yaml"
PATIENCE = {"first_token_timeout": 120.0, "stall_timeout": 60.0, "total_timeout": 180.0}
LONGEST_ANSWER, LONGEST_VERDICT = 250, 100
"""Tokens. A call of the classifier may take ten seconds; a verdict that is cut off counts by its whole fields."""


def rules() -> str:
    """The first rules as YAML, with the one model for everything: it answers and it classifies. Pictures are not
    drawn, and nothing is refused: a model of this size refuses nearly everything."""
    held: dict[str, Any] = yaml.safe_load(_FIRST_RULES.read_text("utf-8"))
    model = {
        "litellm_name": "openai/smollm2",
        "provider": "openai",
        "context_window": 8_192,
        **PATIENCE,
    }
    price = {"input_price": "0", "output_price": "0"}
    held["models"] = [
        {"name": "small", "max_output_tokens": LONGEST_ANSWER, **model, **price},
        {
            "name": "small-classifier",
            "kind": "classifier",
            "max_output_tokens": LONGEST_VERDICT,
            **model,
            **price,
        },
    ]
    held["settings"] |= {"classifier": "small-classifier", "classifier_fallback": None}
    held["rules"] = [_answered(rule) for rule in held["rules"] if "action" not in rule]
    return yaml.safe_dump(held, sort_keys=False, allow_unicode=True)


def _answered(rule: dict[str, Any]) -> dict[str, Any]:
    told = {"model": "small", "fallbacks": [], "temperature": 0.0}
    return {**rule, **told}
