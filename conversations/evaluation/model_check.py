"""Smoke test: one prompt sent to one model directly, past rules and caches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal

from asgiref.sync import async_to_sync
from django.conf import settings

from conversations import bootstrap
from conversations.domain.booking import Account
from conversations.evaluation.try_prompt import TRIAL
from routing.domain.actions import ModelKind
from routing.domain.errors import AssistantError, ProviderError, ProviderTimeout
from routing.domain.llm import ChatMessage, Operation, Usage
from routing.domain.rules import ModelRef
from routing.domain.token_counts import estimated_usage
from routing.guard.validation import validate_prompt
from routing.llm.failover.whole_calls import MeteredCall, metered
from routing.models import LLMModel
from routing.publishing.draft import model_ref

_OPERATIONS: Mapping[ModelKind, Operation] = {
    ModelKind.CHAT: "chat",
    ModelKind.CLASSIFIER: "chat",
    ModelKind.IMAGE: "image",
    ModelKind.EMBEDDING: "embedding",
}
MAX_WAIT = 60.0
"""Seconds: upper limit of a page's wait, for models with longer time-outs."""


@dataclass(frozen=True, slots=True)
class ModelTrial:
    """``answer`` in words, or ``error`` with its ``code``. Times are in milliseconds."""

    prompt: str
    answer: str = ""
    finish_reason: str = ""
    error: str = ""
    code: str = ""
    first_token_ms: int | None = None
    total_ms: int = 0
    usage: Usage | None = None

    @property
    def cost_usd(self) -> Decimal | None:
        """US dollars, if the price is known."""
        return self.usage.cost_usd if self.usage else None


def try_model(row: LLMModel, prompt: str, *, user: int) -> ModelTrial:
    """Send ``prompt`` by the model's unpublished row, as a request of ``user``. Raises ``PromptRejected``."""
    validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
    return async_to_sync(_try)(model_ref(row), prompt, Account(user))


async def _try(model: ModelRef, prompt: str, account: Account) -> ModelTrial:
    started = time.monotonic()
    seconds = min(model.timeouts.total, MAX_WAIT)
    async with bootstrap.evaluation_container() as container:
        try:
            async with (
                container.side_calls.booked(
                    TRIAL,
                    lambda: [container.estimator.trial(model, prompt)],
                    account=account,
                    here=True,
                ) as calls,
                asyncio.timeout(seconds),
                metered(_OPERATIONS[model.kind], model, prompt, calls.append) as call,
            ):
                trial = await _ask(container, model, prompt, started, call)
        except TimeoutError:
            trial = _failed(prompt, ProviderTimeout(model.name, "total", seconds))
        except AssistantError as exc:
            trial = _failed(prompt, exc)
    return replace(trial, total_ms=_since(started))


def _failed(prompt: str, error: AssistantError) -> ModelTrial:
    detail = error.detail if isinstance(error, ProviderError) else str(error)
    return ModelTrial(prompt, error=detail or type(error).__name__, code=error.code)


async def _ask(
    container: bootstrap.EvaluationContainer,
    model: ModelRef,
    prompt: str,
    started: float,
    call: MeteredCall,
) -> ModelTrial:
    if model.kind is ModelKind.IMAGE:
        picture = await container.llm.image(model, prompt)
        call.usage = picture.usage or call.usage
        answer = f"A picture of {len(picture.data):,} bytes."
        return ModelTrial(prompt, answer, usage=picture.usage)
    if model.kind is ModelKind.EMBEDDING:
        raw = await container.llm.vectors(model, [prompt])
        call.usage = raw.usage
        answer = f"A vector of {len(raw.vectors[0]):,} dimensions."
        return ModelTrial(prompt, answer, usage=raw.usage)
    return await _chat(container, model, prompt, started, call)


async def _chat(
    container: bootstrap.EvaluationContainer,
    model: ModelRef,
    prompt: str,
    started: float,
    call: MeteredCall,
) -> ModelTrial:
    first: int | None = None
    trial = ModelTrial(prompt)
    pieces, asked = list[str](), [ChatMessage("user", prompt)]
    try:
        async with aclosing(container.llm.stream(model, asked)) as chunks:
            async for chunk in chunks:
                if chunk.text and first is None:
                    first = _since(started)
                pieces.append(chunk.text)
                trial = replace(trial, finish_reason=chunk.finish_reason or "", usage=chunk.usage)
    finally:
        own = estimated_usage(asked, "".join(pieces))
        counted = container.llm.priced(model, own) if pieces else Usage()
        call.usage = trial.usage or counted
    return replace(trial, answer="".join(pieces), first_token_ms=first)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
