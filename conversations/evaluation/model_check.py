"""Smoke test: one prompt sent to one model directly, past rules and caches."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal

from asgiref.sync import async_to_sync
from django.conf import settings

from conversations import bootstrap
from routing.domain.actions import ModelKind
from routing.domain.errors import AssistantError, ProviderError, ProviderTimeout
from routing.domain.llm import ChatMessage, Usage
from routing.domain.rules import ModelRef
from routing.guard.validation import validate_prompt
from routing.models import LLMModel
from routing.publishing.draft import model_ref

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


def try_model(row: LLMModel, prompt: str) -> ModelTrial:
    """Send ``prompt`` by the model's unpublished row. Raises ``PromptRejected``."""
    validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
    return async_to_sync(_try)(model_ref(row), prompt)


async def _try(model: ModelRef, prompt: str) -> ModelTrial:
    started = time.monotonic()
    seconds = min(model.timeouts.total, MAX_WAIT)
    async with bootstrap.evaluation_container() as container:
        try:
            async with asyncio.timeout(seconds):
                trial = await _ask(container, model, prompt, started)
        except TimeoutError:
            trial = _failed(prompt, ProviderTimeout(model.name, "total", seconds))
        except AssistantError as exc:
            trial = _failed(prompt, exc)
    return replace(trial, total_ms=_since(started))


def _failed(prompt: str, error: AssistantError) -> ModelTrial:
    detail = error.detail if isinstance(error, ProviderError) else str(error)
    return ModelTrial(prompt, error=detail or type(error).__name__, code=error.code)


async def _ask(
    container: bootstrap.EvaluationContainer, model: ModelRef, prompt: str, started: float
) -> ModelTrial:
    if model.kind is ModelKind.IMAGE:
        picture = await container.llm.image(model, prompt)
        answer = f"A picture of {len(picture.data):,} bytes."
        return ModelTrial(prompt, answer, usage=picture.usage)
    if model.kind is ModelKind.EMBEDDING:
        (vector,) = await container.llm.embed(model.litellm_name, [prompt])
        return ModelTrial(prompt, f"A vector of {len(vector):,} dimensions.")
    return await _chat(container, model, prompt, started)


async def _chat(
    container: bootstrap.EvaluationContainer, model: ModelRef, prompt: str, started: float
) -> ModelTrial:
    first: int | None = None
    trial = ModelTrial(prompt)
    pieces: list[str] = []
    async with aclosing(container.llm.stream(model, [ChatMessage("user", prompt)])) as chunks:
        async for chunk in chunks:
            if chunk.text and first is None:
                first = _since(started)
            pieces.append(chunk.text)
            trial = replace(trial, finish_reason=chunk.finish_reason or "", usage=chunk.usage)
    return replace(trial, answer="".join(pieces), first_token_ms=first)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
