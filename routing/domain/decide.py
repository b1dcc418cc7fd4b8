"""Dry run: the decision of a rule set about a prompt, without carrying it out.

Pure: the guard and the classifier are arguments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from routing.domain.actions import ACTIONS, DEFAULT_ACTION, Action, action_for
from routing.domain.errors import ModelUnknown
from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, ChatMessage, ClassifierResult, Meter, Usage
from routing.domain.rules import HELPER_RULE, Decision, RuleSet, Source
from routing.domain.vectors import VectorOpinion, VectorTrial


class Guard(Protocol):
    """Looks at a prompt before any provider does."""

    async def check(self, prompt: str) -> GuardReport:
        """Never raises: a guard that cannot decide says ``flag``."""
        ...


class PromptFlag(Protocol):
    """Looks at a prompt that the guard let pass once more, by its meaning."""

    async def refine(
        self, prompt: str, report: GuardReport, vector: Sequence[float] | None = None
    ) -> GuardReport:
        """The report, or a flagged one. ``vector`` is the prompt's, where there is one. Never raises."""
        ...


class Classifier(Protocol):
    """Chooses a rule for a prompt."""

    async def classify(
        self,
        prompt: str,
        rules: RuleSet,
        history: Sequence[ChatMessage],
        meter: Meter | None = None,
        *,
        flagged: bool = False,
        pictures: int = 0,
        vector: Sequence[float] | None = None,
    ) -> ClassifierResult:
        """``flagged``: the guard did not let the prompt pass unmarked. ``pictures`` came with it. ``vector`` is
        the prompt's; without one all rules are read. Never raises a ``ProviderError``: where no classifier can be reached or understood, the published default decides and
        ``decision.source`` says so."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decision of one rule set about one prompt, with its cost and time.

    ``attempts`` are the calls to classifiers, with ``rules_sent`` rules in each: none where the guard held the
    prompt back. ``opinion`` is what earlier verdicts would have decided; ``None`` where they say nothing.
    """

    decision: Decision
    guard: GuardReport
    attempts: tuple[Attempt, ...]
    latency_ms: int
    opinion: VectorOpinion | None = None
    rules_sent: int = 0

    @property
    def classifier(self) -> str | None:
        """The model that classified; ``None`` where none did."""
        decided = (Source.CLASSIFIER, Source.CLASSIFIER_FALLBACK)
        if self.decision.source not in decided:
            return None
        return next((attempt.model for attempt in self.attempts if attempt.ok), None)

    @property
    def usage(self) -> Usage:
        """Tokens and dollars of all attempts together."""
        return sum((attempt.usage for attempt in self.attempts), Usage())

    @property
    def reached(self) -> bool:
        """Whether a classifier or the guard decided, not the default in place of an outage."""
        return self.decision.source is not Source.DEFAULT or self.guard.verdict == "block"


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides as a turn does, and stops there. ``now`` gives Unix nanoseconds."""

    guard: Guard
    classifier: Classifier
    flag: PromptFlag | None = None
    vectors: VectorTrial | None = None
    now: Callable[[], int] = time.time_ns

    async def decide(
        self, prompt: str, rules: RuleSet, history: Sequence[ChatMessage] = ()
    ) -> Outcome:
        """The decision of ``rules`` about the first turn of a conversation, or about one after
        ``history``. Never raises a ``ProviderError``."""
        started = self.now()
        report = await self.guard.check(prompt)
        vector: Sequence[float] | None = None
        if report.verdict == "block":
            held = ClassifierResult(held_back(rules))
        else:
            if self.vectors and not history:
                # A request has its vector by then, and its worker those of the rules.
                began = self.now()
                vector = await self.vectors.embed(prompt, rules)
                started += self.now() - began
            report = await self.flag.refine(prompt, report, vector) if self.flag else report
            held = await self.classifier.classify(
                prompt, rules, history, flagged=report.verdict == "flag", vector=vector
            )
        took = round((self.now() - started) / 1e6)
        opinion: VectorOpinion | None = None
        if self.vectors and vector is not None and report.verdict == "pass":
            opinion = await self.vectors.try_prompt(prompt, rules, vector)
        return Outcome(held.decision, report, held.attempts, took, opinion, held.rules_sent)


def held_back(rules: RuleSet, reason: str = "the guard held the prompt back") -> Decision:
    """The decision about a prompt that is not answered, without regard to the rules."""
    return Decision(
        action=Action.REFUSE,
        source=Source.DEFAULT,
        provider=None,
        model=None,
        rule=None,
        reason=reason,
        ruleset=rules.version,
    )


def default_decision(rules: RuleSet, reason: str) -> Decision:
    """The decision that the default rule answers, without a classifier."""
    rule = rules.rule(rules.default_rule)
    kind = ACTIONS[DEFAULT_ACTION].model_kind
    named = (rules.model(name) for name in ((rule.model, *rule.fallbacks) if rule else ()) if name)
    model = next((each for each in (*named, *rules.models) if each and each.kind is kind), None)
    return Decision(
        action=DEFAULT_ACTION,
        source=Source.DEFAULT,
        provider=model.provider if model else None,
        model=model.name if model else None,
        rule=rule.name if rule else None,
        reason=reason,
        ruleset=rules.version,
    )


def helper_decision(rules: RuleSet, reason: str) -> Decision:
    """The decision about a front end's helper prompt: the models of the rule of that name, else the
    classifiers', which are small."""
    rule = rules.rule(HELPER_RULE)
    names = (rule.model, *rule.fallbacks) if rule else rules.classifiers
    # By their names: of people's own rules, a classifier that may not answer them is no model.
    model = next((found for name in names if name and (found := rules.model(name))), None)
    decision = replace(default_decision(rules, reason), source=Source.REQUESTED, rule=HELPER_RULE)
    return replace(decision, provider=model.provider, model=model.name) if model else decision


def requested_decision(rules: RuleSet, name: str) -> Decision:
    """The decision for a request that names a model. Raises ``ModelUnknown``."""
    if not rules.callers_choose:
        raise ModelUnknown(name, "The published rules do not let callers choose a model.")
    model = rules.model(name)
    action = action_for(model.kind) if model else None
    if model is None or action is None:
        raise ModelUnknown(name, "No published model that answers has this name.")
    return Decision(
        action=action,
        source=Source.REQUESTED,
        provider=model.provider,
        model=model.name,
        rule=None,
        reason="the caller named the model",
        ruleset=rules.version,
    )
