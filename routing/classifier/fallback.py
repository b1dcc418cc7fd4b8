"""Chooses a published rule for a prompt: the first classifier, then the second, then the default.

Whatever a model says is taken for no more than the name of a published rule and a few words about
it. The ladder never fails: where nobody can be asked or understood, the default rule decides. The
second classifier is also asked beside a first one that is late.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from routing.classifier.prompt import Instructions, instructions, request
from routing.classifier.verdict import decided, read_verdict
from routing.common.hedge import first_valid
from routing.domain.errors import ProviderError, ProviderMisconfigured, ProviderTimeout
from routing.domain.llm import Attempt, ChatMessage, Classified, RawText, Usage
from routing.domain.pricing import estimated_usage
from routing.domain.rules import ModelRef, RuleSet, Source, Verdict
from routing.llm.failover.candidates import Failover

MALFORMED = "malformed_verdict"
"""The outcome of an attempt that answered, but not with a verdict."""
CANCELLED = "cancelled"
Meter = Callable[[Attempt], None]
_NOT_NEEDED = "no longer needed"
_UNREACHED = "No classifier could be asked, so the default rule decides."
_MALFORMED = "No classifier named a published rule, so the default rule decides."


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


class LadderClassifier:
    """The engine's ``Classifier`` port.

    ``patience`` bounds one call in seconds, whatever the model's own time-outs are; after ``late``
    seconds without a verdict the next classifier is asked too (``None``: only when the first one
    failed). ``now`` gives Unix nanoseconds.
    """

    def __init__(
        self,
        client: JSONClient,
        shared: Failover | None = None,
        *,
        patience: float = 10.0,
        late: float | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._shared = shared or Failover.plain()
        self._patience = patience
        self._late = late
        self._now = now
        self._built: Instructions | None = None

    async def classify(
        self,
        prompt: str,
        rules: RuleSet,
        history: Sequence[ChatMessage],
        meter: Meter | None = None,
    ) -> Classified:
        """The decision and every call made to reach it, in the order they were begun. ``meter`` hears
        of each as it ends, a cancelled one too. Never raises a ``ProviderError``."""
        given = self._instructions(rules)
        asked = _Asked(given, request(given, prompt, history), meter)
        rungs = [
            (rung, model)
            for rung, name in enumerate(rules.classifiers)
            if (model := rules.model(name))
        ]
        ways = [partial(self._permitted, model, asked) for _, model in rungs]
        found = await first_valid(ways, self._late)
        attempts = tuple(sorted(asked.attempts, key=lambda attempt: attempt.started_ns))
        if found is None:
            return Classified(decided(rules, asked.default, Source.DEFAULT), attempts)
        rung, _ = rungs[found[0]]
        source = Source.CLASSIFIER_FALLBACK if rung else Source.CLASSIFIER
        return Classified(decided(rules, found[1], source), attempts)

    def _instructions(self, rules: RuleSet) -> Instructions:
        if self._built is None or self._built.rules is not rules:
            self._built = instructions(rules)
        return self._built

    async def _permitted(self, model: ModelRef, asked: _Asked) -> Verdict | None:
        """The model's verdict, unless its circuit is open: a dead classifier costs nothing."""
        permit = await self._shared.circuits.enter(model.name)
        if not permit.allowed:
            return None
        try:
            call = await self._ask(model, asked)
        except BaseException:
            await self._shared.circuits.leave(permit, "released")
            raise
        await self._shared.told(permit, call.error)
        return call.verdict

    async def _ask(self, model: ModelRef, asked: _Asked) -> _Call:
        """The last call to the model. It is asked once more where it answered beside the point, or
        would not take the schema: then in words alone."""
        call = await self._answer(model, asked, asked.given.schema)
        if call.worth_repeating:
            call = await self._answer(model, asked, asked.given.schema if call.raw else None)
        return call

    async def _answer(
        self, model: ModelRef, asked: _Asked, schema: Mapping[str, Any] | None
    ) -> _Call:
        call = _Call(model, asked.messages, self._now())
        seconds = min(model.timeouts.total, self._patience)
        try:
            async with asyncio.timeout(seconds):
                call.raw = await self._client.complete_json(model, call.messages, schema)
        except TimeoutError:
            call.error = ProviderTimeout(model.name, "total", seconds)
        except ProviderError as error:
            call.error = error
        except asyncio.CancelledError:
            asked.keep(call.cancelled(self._now(), self._client.priced))
            raise
        call.verdict = read_verdict(call.raw.text, asked.given.rules) if call.raw else None
        asked.keep(call.attempt(self._now(), self._client.priced))
        return call


@dataclass(slots=True)
class _Asked:
    """One prompt, and the calls that were made for it."""

    given: Instructions
    messages: tuple[ChatMessage, ...]
    meter: Meter | None
    attempts: list[Attempt] = field(default_factory=list)

    def keep(self, attempt: Attempt) -> None:
        """Count a call that ended."""
        self.attempts.append(attempt)
        if self.meter:
            self.meter(attempt)

    @property
    def default(self) -> Verdict:
        """What is decided when no call brought a verdict."""
        spoke = any(attempt.outcome == MALFORMED for attempt in self.attempts)
        reason = _MALFORMED if spoke else _UNREACHED
        return Verdict(self.given.rules.default_rule, reason, self_contained=False)


@dataclass(slots=True)
class _Call:
    """One question to one model and what came of it."""

    model: ModelRef
    messages: tuple[ChatMessage, ...]
    started_ns: int
    raw: RawText | None = None
    error: ProviderError | None = None
    verdict: Verdict | None = None

    @property
    def worth_repeating(self) -> bool:
        """Whether the same model may do better at once: it spoke nonsense, or the request's
        form was not to its liking."""
        if self.raw:
            return self.verdict is None
        return isinstance(self.error, ProviderMisconfigured) and self.error.status in {400, 422}

    def attempt(self, ended_ns: int, priced: Callable[[ModelRef, Usage], Usage]) -> Attempt:
        """The call as it is metered and traced."""
        raw, error = self.raw, self.error
        usage = raw.usage if raw else Usage()
        if raw and usage is None:
            usage = priced(self.model, estimated_usage(self.messages, raw.text))
        return self._metered(
            ended_ns,
            error.code if error else "ok" if self.verdict else MALFORMED,
            usage or Usage(),
            detail=error.detail if error else "",
        )

    def cancelled(self, ended_ns: int, priced: Callable[[ModelRef, Usage], Usage]) -> Attempt:
        """The call as it is metered when it was given up: what was asked is paid for all the same."""
        usage = priced(self.model, estimated_usage(self.messages, ""))
        return self._metered(ended_ns, CANCELLED, usage, detail=_NOT_NEEDED)

    def _metered(self, ended_ns: int, outcome: str, usage: Usage, *, detail: str) -> Attempt:
        return Attempt(
            operation="classify",
            model=self.model.name,
            provider=self.model.provider,
            started_ns=self.started_ns,
            ended_ns=ended_ns,
            outcome=outcome,
            usage=usage,
            finish_reason=self.raw.finish_reason if self.raw else None,
            detail=detail,
            prompt=self.messages,
            output=self.raw.text if self.raw else "",
        )
