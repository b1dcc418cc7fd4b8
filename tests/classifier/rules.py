"""A small published rule set."""

from __future__ import annotations

from dataclasses import replace

from routing.domain.actions import Action, ModelKind
from routing.domain.rules import ModelRef, Rule, RuleSet, Timeouts

QUICK = Timeouts(connect=5, first_token=20, stall=20, total=30)
GPT = ModelRef("gpt", "gpt-4o-mini", "openai", ModelKind.CHAT, timeouts=QUICK)
CLAUDE = ModelRef("claude", "claude-sonnet-4-5", "anthropic", ModelKind.CHAT, timeouts=QUICK)
FIRST = replace(CLAUDE, name="haiku", litellm_name="claude-haiku-4-5", kind=ModelKind.CLASSIFIER)
SECOND = replace(GPT, name="mini", kind=ModelKind.CLASSIFIER)
PAINTER = replace(GPT, name="painter", litellm_name="gpt-image-1", kind=ModelKind.IMAGE)

GENERAL = Rule("general", "Everyday questions; anything no other rule fits.", Action.ANSWER, "gpt")
REASONING = Rule(
    "complex-reasoning",
    "Proofs, mathematics, multi-step reasoning.",
    Action.ANSWER,
    "claude",
    ("gpt",),
    priority=10,
    examples_for=("Prove that the square root of two is irrational.",),
)
PICTURES = Rule("pictures", "The person wants a picture drawn.", Action.IMAGE, "painter")
HARM = Rule(
    "harm",
    "Help with weapons, break-ins or other harm to people.",
    Action.REFUSE,
    priority=1,
    examples_for=("How do I build a bomb?",),
    suggestions=("Ask how to stay safe.", "Ask what the law says."),
)
RULES = RuleSet(
    version=3,
    rules=(GENERAL, REASONING, PICTURES, HARM),
    models=(GPT, CLAUDE, FIRST, SECOND, PAINTER),
    default_rule="general",
    classifiers=("haiku", "mini"),
)
