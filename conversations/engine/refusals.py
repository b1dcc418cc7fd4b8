"""Refusal texts: the reason, and two other ways to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from routing.domain.actions import Action
from routing.domain.rules import Decision, Rule

GUARDED = (
    "I can't work with this message: parts of it read like instructions meant to change how "
    "this assistant works rather than a question for it."
)
DECLINED = "The model that would have answered this declined to, by its provider's content policy."
UNNAMED = "I can't help with this request."
_OFFER = "\n\nCould you put it differently? For example:\n"
GENERIC_SUGGESTIONS = (
    "Say in a sentence or two what you would like to know or make, and nothing else.",
    "Ask about the general background of the topic instead.",
)


def refusal_text(reason: str, suggestions: Sequence[str]) -> str:
    """A kind answer: the reason, then exactly two ways to ask again."""
    offered = [*dict.fromkeys([*suggestions, *GENERIC_SUGGESTIONS])][:2]
    listed = "\n".join(f"- {suggestion}" for suggestion in offered)
    return f"{reason}{_OFFER}{listed}"


def offered_suggestions(refusal: str) -> list[str]:
    """The ways to ask again that ``refusal_text`` has put at the end of a text."""
    _, offer, listed = refusal.rpartition(_OFFER)
    return [line.removeprefix("- ") for line in listed.splitlines()] if offer else []


def rule_refusal(rule: Rule | None, suggestions: Sequence[str]) -> str:
    """The refusal of a published rule; its own suggestions come before the classifier's."""
    reason = (rule.refusal_reason if rule else "") or UNNAMED
    return refusal_text(reason, [*(rule.suggestions if rule else ()), *suggestions])


def guard_refusal() -> str:
    """The guard's refusal, which does not name the signals: an attacker would learn from them."""
    return refusal_text(GUARDED, ())


def provider_refusal() -> str:
    """The refusal of a provider's content policy. No other model is asked to get round it."""
    return refusal_text(DECLINED, ())


def provider_refused(decision: Decision) -> Decision:
    """The decision after its provider's refusal."""
    reason = "the provider's content policy declined"
    return replace(decision, action=Action.REFUSE, reason=reason)
