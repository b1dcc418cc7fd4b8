"""Chooses a published rule for a prompt: the first classifier, then the second, then the default.

Whatever a model says is taken for no more than the name of a published rule and a few words about
it. The ladder never fails: where nobody can be asked or understood, the default rule decides.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from routing.classifier_prompt import Instructions, instructions, request
from routing.domain import (
    Action,
    Decision,
    ModelKind,
    ModelRef,
    Rule,
    RuleSet,
    Source,
    StaysTrue,
    Verdict,
)
from routing.errors import ProviderError, ProviderMisconfigured, ProviderTimeout
from routing.llm.metering import estimated_usage
from routing.llm.types import Attempt, ChatMessage, Classified, RawText, Usage
from routing.llm.walk import Failover

REASON_CHARS = 300
STANDALONE_CHARS = 1_000
SUGGESTIONS = 2
MALFORMED = "malformed_verdict"
"""The outcome of an attempt that answered, but not with a verdict."""
Meter = Callable[[Attempt], None]
_NOBODY = "No classifier could be asked or understood, so the default rule decides."


class JSONClient(Protocol):
    """What is needed of the provider's client."""

    async def complete_json(
        self, model: ModelRef, messages: Sequence[ChatMessage], schema: Mapping[str, Any] | None
    ) -> RawText:
        """Raises ``ProviderError``."""
        ...

    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        """The same usage with its cost."""
        ...


class _Output(BaseModel):
    """The model's answer as the schema has it. What a model without structured output leaves out
    of what is said of the answer's reuse, is taken for the careful choice."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    rule: str
    reason: str
    self_contained: bool
    impersonal: bool = False
    stays_true: StaysTrue = StaysTrue.MONTHS
    standalone: str = ""
    suggestions: list[str]


class LadderClassifier:
    """The engine's ``Classifier`` port.

    ``patience`` bounds one call in seconds, whatever the model's own time-outs are; ``now`` gives
    Unix nanoseconds.
    """

    def __init__(
        self,
        client: JSONClient,
        shared: Failover | None = None,
        *,
        patience: float = 10.0,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._shared = shared or Failover.plain()
        self._patience = patience
        self._now = now
        self._built: Instructions | None = None

    async def classify(
        self,
        prompt: str,
        rules: RuleSet,
        history: Sequence[ChatMessage],
        meter: Meter | None = None,
    ) -> Classified:
        """The decision and every call made to reach it. ``meter`` hears of each as it ends, a
        cancelled one too. Never raises a ``ProviderError``."""
        given = self._instructions(rules)
        messages = request(given, prompt, history)
        attempts: list[Attempt] = []

        def keep(attempt: Attempt) -> None:
            attempts.append(attempt)
            if meter:
                meter(attempt)

        for rung, name in enumerate(rules.classifiers):
            model = rules.model(name)
            verdict = model and await self._permitted(model, messages, given, keep)
            if verdict:
                source = Source.CLASSIFIER_FALLBACK if rung else Source.CLASSIFIER
                return Classified(decided(rules, verdict, source), tuple(attempts))
        verdict = Verdict(rules.default_rule, _NOBODY, self_contained=False)
        return Classified(decided(rules, verdict, Source.DEFAULT), tuple(attempts))

    def _instructions(self, rules: RuleSet) -> Instructions:
        if self._built is None or self._built.rules is not rules:
            self._built = instructions(rules)
        return self._built

    async def _permitted(
        self,
        model: ModelRef,
        messages: tuple[ChatMessage, ...],
        given: Instructions,
        keep: Meter,
    ) -> Verdict | None:
        """The model's verdict, unless its circuit is open: a dead classifier costs nothing."""
        permit = await self._shared.circuits.enter(model.name)
        if not permit.allowed:
            return None
        try:
            call = await self._ask(model, messages, given, keep)
        except BaseException:
            await self._shared.circuits.leave(permit, "released")
            raise
        await self._shared.told(permit, call.error)
        return call.verdict

    async def _ask(
        self,
        model: ModelRef,
        messages: tuple[ChatMessage, ...],
        given: Instructions,
        keep: Meter,
    ) -> _Call:
        """The last call to the model. It is asked once more where it answered beside the point, or
        would not take the schema: then in words alone."""
        call = _Call(model, messages, self._now())
        await self._answer(call, given.schema, given.rules, keep)
        if call.worth_repeating:
            schema = given.schema if call.raw else None
            call = _Call(model, messages, self._now())
            await self._answer(call, schema, given.rules, keep)
        return call

    async def _answer(
        self, call: _Call, schema: Mapping[str, Any] | None, rules: RuleSet, keep: Meter
    ) -> None:
        model = call.model
        seconds = min(model.timeouts.total, self._patience)
        try:
            async with asyncio.timeout(seconds):
                call.raw = await self._client.complete_json(model, call.messages, schema)
        except TimeoutError:
            call.error = ProviderTimeout(model.name, "total", seconds)
        except ProviderError as error:
            call.error = error
        except asyncio.CancelledError:
            call.cancelled = True
            raise
        finally:
            call.verdict = read_verdict(call.raw.text, rules) if call.raw else None
            keep(call.attempt(self._now(), self._client.priced))


@dataclass(slots=True)
class _Call:
    """One question to one model and what came of it."""

    model: ModelRef
    messages: tuple[ChatMessage, ...]
    started_ns: int
    raw: RawText | None = None
    error: ProviderError | None = None
    verdict: Verdict | None = None
    cancelled: bool = False

    @property
    def worth_repeating(self) -> bool:
        """Whether the same model may do better at once: it spoke nonsense, or the request's
        form was not to its liking."""
        if self.raw:
            return self.verdict is None
        return isinstance(self.error, ProviderMisconfigured) and self.error.status in {400, 422}

    @property
    def _outcome(self) -> str:
        if self.cancelled:
            return "cancelled"
        if self.error:
            return self.error.code
        return "ok" if self.verdict else MALFORMED

    def attempt(self, ended_ns: int, priced: Callable[[ModelRef, Usage], Usage]) -> Attempt:
        """The call as it is metered and traced."""
        raw, error = self.raw, self.error
        usage = raw.usage if raw else Usage()
        if self.cancelled or (raw and usage is None):
            usage = priced(self.model, estimated_usage(self.messages, raw.text if raw else ""))
        return Attempt(
            operation="classify",
            model=self.model.name,
            provider=self.model.provider,
            started_ns=self.started_ns,
            ended_ns=ended_ns,
            outcome=self._outcome,
            usage=usage or Usage(),
            finish_reason=raw.finish_reason if raw else None,
            detail=error.detail if error else "",
            prompt=self.messages,
            output=raw.text if raw else "",
        )


def read_verdict(text: str, rules: RuleSet) -> Verdict | None:
    """The verdict in a model's answer, ``None`` where there is none of a published rule.

    A model without structured output wraps its object in prose or a code fence: that is forgiven,
    anything else is not.
    """
    try:
        output = _Output.model_validate_json(text[text.find("{") : text.rfind("}") + 1])
    except ValidationError:
        return None
    if rules.rule(output.rule) is None:
        return None
    said = (_clean(words) for words in output.suggestions)
    return Verdict(
        output.rule,
        _clean(output.reason),
        output.self_contained,
        output.impersonal,
        output.stays_true,
        "" if output.self_contained else _clean(output.standalone, STANDALONE_CHARS),
        tuple(dict.fromkeys(words for words in said if words))[:SUGGESTIONS],
    )


def decided(rules: RuleSet, verdict: Verdict, source: Source) -> Decision:
    """The verdict as a decision: who acts on it, by the published rules.

    A rule that can name no published model of its kind yields to the default rule.
    """
    default = rules.rule(rules.default_rule)
    rule = rules.rule(verdict.rule) or default
    if rule is not None and not _can_act(rules, rule):
        rule = default or rule
    if rule is None or rule.action is not Action.REFUSE:
        model = (_model(rules, rule) if rule else None) or _any_chat(rules)
    else:
        model = None
    return _decision(rules, rule, model, verdict, source)


def _can_act(rules: RuleSet, rule: Rule) -> bool:
    return rule.action is Action.REFUSE or _model(rules, rule) is not None


def _model(rules: RuleSet, rule: Rule) -> ModelRef | None:
    """The rule's first published model that can do what it asks for; any can draw, if need be."""
    named = [rules.model(name) for name in (rule.model, *rule.fallbacks) if name]
    if rule.action is Action.IMAGE:
        named += [model for model in rules.models if model.kind is ModelKind.IMAGE]
    return next((model for model in named if model and _suits(model, rule)), None)


def _suits(model: ModelRef, rule: Rule) -> bool:
    draws = model.kind is ModelKind.IMAGE
    return draws if rule.action is Action.IMAGE else not draws


def _any_chat(rules: RuleSet) -> ModelRef | None:
    return next((model for model in rules.models if model.kind is ModelKind.CHAT), None)


def _decision(
    rules: RuleSet, rule: Rule | None, model: ModelRef | None, verdict: Verdict, source: Source
) -> Decision:
    action = rule.action if rule else Action.ANSWER
    refused = action is Action.REFUSE
    offered = dict.fromkeys((*verdict.suggestions, *(rule.suggestions if rule else ())))
    return Decision(
        action=action,
        source=source,
        provider=model.provider if model else None,
        model=model.name if model else None,
        rule=rule.name if rule else None,
        reason=verdict.reason or "The rule fits best.",
        ruleset=rules.version,
        self_contained=verdict.self_contained,
        impersonal=verdict.impersonal,
        stays_true=verdict.stays_true,
        standalone=verdict.standalone,
        suggestions=tuple(offered)[:SUGGESTIONS] if refused else (),
    )


def _clean(words: str, limit: int = REASON_CHARS) -> str:
    """One line of printable characters, at most ``limit`` of them."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
