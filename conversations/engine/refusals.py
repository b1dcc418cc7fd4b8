"""Refusal texts: the reason, and two other ways to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conversations.engine.types import Answer
from routing.common.translatable import Translatable, Translate
from routing.domain.actions import Action
from routing.domain.decide import held_back
from routing.domain.guard import GuardReport
from routing.domain.moderation import ModerationReport
from routing.domain.rules import Decision, Rule, RuleSet

GUARDED = Translatable(
    "I can't work with this message: parts of it read like instructions meant to change how "
    "this assistant works rather than a question for it."
)
DECLINED = Translatable(
    "The model that would have answered this declined to, by its provider's content policy."
)
MODERATED = Translatable(
    "I can't help with this message: it was found to be against the rules for content here."
)
ANSWER_MODERATED = Translatable(
    "I can't show an answer to this: what the model wrote was found to be against the rules for content here."
)
UNNAMED = Translatable("I can't help with this request.")
_OFFER = Translatable("Could you put it differently? For example:")
GENERIC_SUGGESTIONS = (
    Translatable("Say in a sentence or two what you would like to know or make, and nothing else."),
    Translatable("Ask about the general background of the topic instead."),
)


def refusal_text(reason: str, suggestions: Sequence[str], translate: Translate = str) -> str:
    """A kind answer: the reason, then exactly two ways to ask again."""
    generic = map(translate, GENERIC_SUGGESTIONS)
    offered = [*dict.fromkeys([*suggestions, *generic])][:2]
    listed = "\n".join(f"- {suggestion}" for suggestion in offered)
    return f"{translate(reason)}\n\n{translate(_OFFER)}\n{listed}"


def offered_suggestions(refusal: str) -> list[str]:
    """The ways to ask again that ``refusal_text`` has put at the end of a text, in any language."""
    _, _, listed = refusal.rpartition("\n\n")
    return [line[2:] for line in listed.splitlines()[1:] if line.startswith("- ")]


def rule_refusal(rule: Rule | None, suggestions: Sequence[str], translate: Translate = str) -> str:
    """The refusal of a published rule, in its own words; its suggestions come before the classifier's."""
    reason = (rule.refusal_reason if rule else "") or UNNAMED
    return refusal_text(reason, [*(rule.suggestions if rule else ()), *suggestions], translate)


def guard_refusal(translate: Translate = str) -> str:
    """The guard's refusal, which does not name the signals: an attacker would learn from them."""
    return refusal_text(GUARDED, (), translate)


def provider_refusal(translate: Translate = str) -> str:
    """The refusal of a provider's content policy. No other model is asked to get round it."""
    return refusal_text(DECLINED, (), translate)


def moderation_refusal(translate: Translate = str) -> str:
    """The refusal of moderation. It does not name the categories, which would help to get round them."""
    return refusal_text(MODERATED, (), translate)


def answer_refusal(translate: Translate = str) -> str:
    """The refusal of an answer of which moderation lets nothing pass."""
    return refusal_text(ANSWER_MODERATED, (), translate)


def refused_prompt(
    rules: RuleSet, guard: GuardReport, report: ModerationReport, translate: Translate
) -> Answer:
    """The answer to a prompt that moderation refuses, with the guard's report on it."""
    decision = held_back(rules, "moderation refused the prompt")
    text, found = moderation_refusal(translate), report.added_to(guard)
    return Answer(text, decision, found, finish_reason="content_filter")


def provider_refused(decision: Decision) -> Decision:
    """The decision after its provider's refusal."""
    reason = "the provider's content policy declined"
    return replace(decision, action=Action.REFUSE, reason=reason)


def answer_refused(decision: Decision) -> Decision:
    """The decision after moderation let nothing of its answer pass."""
    return replace(decision, action=Action.REFUSE, reason="moderation refused the answer")
