"""Fallback classifier: asks one classifier model after the other, and at last the default rule.

Called by the engine's ``classify`` node. ``FallbackClassifier`` hedges (a late first classifier is
joined by the second) and asks each model through its circuit breaker. Request, reply and decision
are in ``classification``. The chain never fails: without any usable reply the default rule decides.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any

from routing.classifier.classification import (
    Instructions,
    build_instructions,
    build_request,
    make_decision,
    marked_for_cache,
    parse_classification,
)
from routing.classifier.retrieval import RuleRetriever, SentRules
from routing.common.hedge import first_valid
from routing.common.identity_cache import IdentityCache
from routing.domain.errors import (
    ProviderError,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.domain.llm import (
    Attempt,
    ChatMessage,
    ClassifierResult,
    JSONClient,
    Meter,
    RawText,
    Usage,
)
from routing.domain.rules import Classification, ModelRef, RuleSet, Source
from routing.domain.token_counts import estimated_usage
from routing.llm.failover.candidates import Failover

PATIENCE = 10.0
"""Seconds that one call is waited for at most, beside the time-outs of its model."""
MALFORMED = "malformed_verdict"
"""Outcome of an attempt that got a reply, but no classification in it."""
CANCELLED = "cancelled"
KEPT_SETS = 16
"""Rule sets whose part of the request is kept."""
MARKING = "anthropic"
"""The provider that keeps a prefix of the prompt where a mark tells it to."""
_REJECTED_FORM = {400, 422, 500, 501}
"""Some servers (llama-cpp-python) meet a schema with an error of their own."""
_FORM_NS = 3600 * 10**9
_NOT_NEEDED = "no longer needed"
_UNREACHED = "No classifier could be asked, so the default rule decides."
_MALFORMED = "No classifier named a published rule, so the default rule decides."


@dataclass(slots=True)
class FallbackClassifier:
    """The engine's ``Classifier`` port.

    ``patience`` bounds one call in seconds, below the model's own time-outs; after ``late`` seconds
    without a classification the next classifier is asked too (``None``: only after a failure).
    Without a ``retriever`` all rules are sent. ``now`` gives Unix nanoseconds.
    """

    client: JSONClient
    failover: Failover = field(default_factory=Failover.plain)
    _: KW_ONLY
    patience: float = PATIENCE
    late: float | None = None
    retriever: RuleRetriever | None = None
    now: Callable[[], int] = time.time_ns
    # One set of rules serves thousands of prompts: its part of the request is built once. Groups of
    # people have sets of their own.
    _instructions_of: IdentityCache[RuleSet, Instructions] = field(
        default_factory=lambda: IdentityCache(build_instructions, KEPT_SETS), init=False
    )
    _forms: dict[str, tuple[int, int]] = field(default_factory=dict, init=False)
    """By model: the first form of the schema that its server did not reject, and until when it is asked
    by that one at once."""

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
        """The decision and all calls made for it, by their start. ``meter`` receives each call as it
        ends, a cancelled one too. Never raises a ``ProviderError``."""
        sent: SentRules | None = None
        if self.retriever and vector is not None and not (history or flagged or pictures):
            sent = self.retriever.choose(prompt, vector, rules)
        sent = sent or SentRules(self._instructions_of(rules))
        messages = build_request(
            sent.instructions, prompt, history, near=sent.near, flagged=flagged, pictures=pictures
        )
        request = _Request(sent.instructions, messages, meter)
        await self.failover.ready()
        models = [model for model in rules.classifying if self.failover.has_key(model)]
        calls = [partial(self._call_permitted, model, request) for model in models]
        first = await first_valid(calls, self.late)
        if first is None:
            classification, source = request.default, Source.DEFAULT
        else:
            classification = first[1]
            is_first = models[first[0]].name == rules.classifiers[0]
            source = Source.CLASSIFIER if is_first else Source.CLASSIFIER_FALLBACK
        attempts = tuple(sorted(request.attempts, key=lambda attempt: attempt.started_ns))
        decision = make_decision(rules, classification, source)
        return ClassifierResult(decision, attempts, sent.count if attempts else 0)

    async def _call_permitted(self, model: ModelRef, request: _Request) -> Classification | None:
        # The model's classification, unless its circuit is open: a dead classifier costs nothing.
        permit = await self.failover.circuits.enter(model.name)
        if not permit.allowed:
            return None
        async with self.failover.settled(permit) as result:
            call = await self._call_twice(model, request)
            result.error = call.error
        return call.classification

    async def _call_twice(self, model: ModelRef, request: _Request) -> _Call:
        """The last call to the model. A malformed reply is asked for once more; a model that rejects
        the schema is asked by one without bounds, then without any, and for an hour so at once."""
        instructions = request.instructions
        forms = (instructions.bounded_schema, instructions.schema, None)
        form, until = self._forms.get(model.litellm_name, (0, 0))
        form = first = form if until > self.now() else 0
        call = await self._call(model, request, forms[form])
        while call.rejected_form and forms[form]:
            # Only a refusal by 4xx says that another schema may do.
            form = form + 1 if call.refused_form else len(forms) - 1
            call = await self._call(model, request, forms[form])
        if call.classification and form > first:
            self._remember_form(model, form)
        if call.raw and call.classification is None and form == first:
            return await self._call(model, request, forms[form])
        return call

    def _remember_form(self, model: ModelRef, form: int) -> None:
        now = self.now()
        known = {name: known for name, known in self._forms.items() if known[1] > now}
        self._forms = {**known, model.litellm_name: (form, now + _FORM_NS)}

    async def _call(
        self, model: ModelRef, request: _Request, schema: Mapping[str, Any] | None
    ) -> _Call:
        # Other providers keep a prefix by themselves, or know no marks.
        messages = request.messages
        if model.provider == MARKING:
            messages = marked_for_cache(messages, request.instructions)
        call = _Call(model, messages, self.now())
        seconds = min(model.timeouts.total, self.patience)
        try:
            async with asyncio.timeout(seconds):
                call.raw = await self.client.complete_json(model, call.messages, schema)
        except TimeoutError:
            call.error = ProviderTimeout(model.name, "total", seconds)
        except ProviderError as error:
            call.error = error
        except asyncio.CancelledError:
            # A hedge that lost is billed like one that won.
            request.record(call.attempt(self.now(), self.client.priced, cancelled=True))
            raise
        if call.raw:
            call.classification = parse_classification(call.raw.text, request.instructions.rules)
        request.record(call.attempt(self.now(), self.client.priced))
        return call


@dataclass(slots=True)
class _Request:
    """One prompt, and the calls that were made for it."""

    instructions: Instructions
    messages: tuple[ChatMessage, ...]
    meter: Meter | None
    attempts: list[Attempt] = field(default_factory=list)

    def record(self, attempt: Attempt) -> None:
        """Count a call that ended."""
        self.attempts.append(attempt)
        if self.meter:
            self.meter(attempt)

    @property
    def default(self) -> Classification:
        """The default rule, for the case that no call brought a classification."""
        replied = any(attempt.outcome == MALFORMED for attempt in self.attempts)
        reason = _MALFORMED if replied else _UNREACHED
        return Classification(self.instructions.rules.default_rule, reason, self_contained=False)


@dataclass(slots=True)
class _Call:
    """One request to one model, and its result."""

    model: ModelRef
    messages: tuple[ChatMessage, ...]
    started_ns: int
    raw: RawText | None = None
    error: ProviderError | None = None
    classification: Classification | None = None

    @property
    def refused_form(self) -> bool:
        """Whether the server said itself that the request's form is wrong."""
        return self.rejected_form and isinstance(self.error, ProviderMisconfigured)

    @property
    def rejected_form(self) -> bool:
        """Whether the model's server may have failed for the form of the request alone."""
        kinds = (ProviderMisconfigured, ProviderUnavailable)
        return isinstance(self.error, kinds) and self.error.status in _REJECTED_FORM

    def attempt(
        self, ended_ns: int, priced: Callable[[ModelRef, Usage], Usage], *, cancelled: bool = False
    ) -> Attempt:
        """The call as it is metered and traced. A cancelled prompt is billed all the same."""
        raw, error = self.raw, self.error
        usage = raw.usage if raw else None
        if usage is None and (raw or cancelled):
            output = raw.text if raw else ""
            usage = priced(self.model, estimated_usage(self.messages, output))
        outcome = error.code if error else "ok" if self.classification else MALFORMED
        detail = error.detail if error else ""
        return Attempt(
            operation="classify",
            model=self.model.name,
            provider=self.model.provider,
            started_ns=self.started_ns,
            ended_ns=ended_ns,
            outcome=CANCELLED if cancelled else outcome,
            usage=usage or Usage(),
            finish_reason=raw.finish_reason if raw else None,
            detail=_NOT_NEEDED if cancelled else detail,
            error_kind=error.kind if error and not cancelled else None,
            prompt=self.messages,
            output=raw.text if raw else "",
        )
